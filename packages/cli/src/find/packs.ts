/** Says in which packs the blobs of a search lie. */
import { type BlobIndex, type BlobQuery, type BlobType, type Id, placesOfBlob } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { shortId } from "../snapshot-json.ts";

/** Every copy of every blob that was searched for, found in a snapshot or not. */
export function printPacks({ data, trees }: BlobQuery, index: BlobIndex, output: Output): void {
  for (const id of data) printPlaces("data", id, index, output);
  for (const id of trees) printPlaces("tree", id, index, output);
}

function printPlaces(type: BlobType, id: Id, index: BlobIndex, output: Output): void {
  const places = placesOfBlob(index, type, id);
  if (places.length === 0) output.print(`No index lists the ${type} blob ${id}`);
  for (const { pack, offset, lengthBytes, uncompressedBytes } of places) {
    const plain = uncompressedBytes > 0 ? `, uncompressed length ${uncompressedBytes}` : "";
    output.print(`Object belongs to pack ${pack}`);
    output.print(
      ` ... Pack ${shortId(pack)}: <Blob (${type}) ${shortId(id)}, offset ${offset}, length ${lengthBytes}${plain}>`,
    );
  }
}
