/** What of a tree can contradict itself: names that stand in it twice, and sizes that are not those of the content. */
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
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
