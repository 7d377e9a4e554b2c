/** The blobs of a file: where they are stored, and which of them a file in the target has already. */
import { readSync } from "node:fs";
import { engineError } from "../errors.ts";
import { idOf, writeId, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { LostBlob, MAX_BLOB_BYTES, plainBytesOf } from "./blob-opener.ts";
import type { ContentBlob, WantedBlob } from "./load-window.ts";

/** A piece of a large file ends with the blob that brings it to this size. */
const PIECE_BYTES = 4 * 1024 * 1024;

const SLACK_BYTES = 1024;

const idBytes = new Uint8Array(32);

/** Where a data blob is. @throws LostBlob when the index does not have it */
export function locateBlob(index: BlobIndex, id: Id): ContentBlob {
  writeId(id, idBytes, 0);
  const entry = index.entryOf("data", idBytes, 0);
  const place = entry < 0 ? undefined : index.locationAt(entry);
  if (place === undefined) throw new LostBlob(id, engineError("ENGINE_BLOB_MISSING", { type: "data", id }).message);
  const plainBytes = plainBytesOf(place);
  // zstd makes nothing longer than this, so no program stores it: memory would be taken for nothing.
  const isLie = place.lengthBytes > plainBytes + plainBytes / 128 + SLACK_BYTES;
  if (plainBytes > MAX_BLOB_BYTES || isLie) {
    const reason = `the index says that data blob ${id} has ${plainBytes} bytes in ${place.lengthBytes}`;
    throw new LostBlob(id, reason);
  }
  return { id, entry, place, plainBytes };
}

/** Blobs one after the other, with their offsets in the file. @throws LostBlob */
export function locateContent(index: BlobIndex, ids: readonly Id[], firstOffset: number): WantedBlob[] {
  let offset = firstOffset;
  return ids.map((id) => {
    const { entry, place, plainBytes } = locateBlob(index, id);
    const wanted = { id, entry, place, plainBytes, offset };
    offset += plainBytes;
    return wanted;
  });
}

/** Raw ids of a file's blobs and the pieces to restore it in. @throws LostBlob */
export function cutIntoPieces(
  index: BlobIndex,
  content: readonly Id[],
): { ids: Uint8Array<ArrayBuffer>; pieces: { firstBlob: number; offset: number }[]; totalBytes: number } {
  const ids = new Uint8Array(content.length * 32);
  const pieces: { firstBlob: number; offset: number }[] = [];
  let offset = 0;
  let nextPiece = 0;
  content.forEach((id, n) => {
    if (offset >= nextPiece) {
      pieces.push({ firstBlob: n, offset });
      nextPiece = offset + PIECE_BYTES;
    }
    writeId(id, ids, n * 32);
    offset += locateBlob(index, id).plainBytes;
  });
  return { ids, pieces, totalBytes: offset };
}

/** Bytes of all these blobs together. */
export function contentBytes(blobs: readonly WantedBlob[]): number {
  return blobs.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

let scratch = new Uint8Array(1024 * 1024);

/** The blobs that an open file does not have at their places. @param sizeBytes of the file */
export function differingBlobs(file: number, sizeBytes: number, blobs: readonly WantedBlob[]): WantedBlob[] {
  return blobs.filter(({ id, plainBytes, offset }) => {
    if (offset + plainBytes > sizeBytes) return true;
    return readHash(file, offset, plainBytes) !== id;
  });
}

/** The hash of a range of an open file; `undefined` when it ends before. */
export function readHash(file: number, offset: number, length: number): Id | undefined {
  if (scratch.length < length) scratch = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const read = readSync(file, scratch, at, length - at, offset + at);
    if (read === 0) return undefined;
    at += read;
  }
  return idOf(scratch.subarray(0, length));
}
