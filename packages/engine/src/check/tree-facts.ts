/** What of a tree can contradict itself: names that stand in it twice, and sizes that are not those of the content. */
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { idToBytes, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";

/** Names that an earlier node has already, each as often as that is so. */
export function namesThereTwice(nodes: readonly TreeNode[]): string[] {
  const seen = new Set<string>();
  return nodes.flatMap(({ name }) => (seen.size < seen.add(name).size ? [] : [name]));
}

/** Plain size of the blob of an index entry that is stored, as the index tells it. */
export function plainBytes(index: BlobIndex, entry: number): number {
  const { lengthBytes, uncompressedBytes } = index.locationAt(entry) as BlobLocation;
  return uncompressedBytes > 0 ? uncompressedBytes : lengthBytes - SEAL_OVERHEAD;
}

/** Plain size of a file's content; `undefined` when a part of it is in no index. */
export function contentBytes(index: BlobIndex, content: readonly Id[]): number | undefined {
  let bytes = 0;
  for (const id of content) {
    const entry = index.entryOf("data", idToBytes(id), 0);
    if (entry < 0) return undefined;
    bytes += plainBytes(index, entry);
  }
  return bytes;
}
