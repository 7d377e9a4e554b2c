/** A random sample of a snapshot's entries. */
import { walkSnapshot } from "../browse/walk.ts";
import type { Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import type { TreeReader } from "../repository/tree-reader.ts";

export interface SampledEntry {
  /** Inside the snapshot, with a slash at its start. */
  readonly path: string;
  readonly node: TreeNode;
}

export interface SampleSize {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * Draws entries that are not folders, each with the same chance (reservoir sampling, Vitter's algorithm R), and then keeps as
 * many as fit the bytes, at least one.
 * @param random numbers in [0, 1)
 */
export async function drawSample(
  trees: TreeReader,
  root: Id,
  size: SampleSize,
  { signal, random = Math.random }: { signal: AbortSignal; random?: () => number },
): Promise<SampledEntry[]> {
  const reservoir: SampledEntry[] = [];
  let seen = 0;
  for await (const { path, node } of walkSnapshot(trees, root, { signal })) {
    if (node.type === "dir" || node.type === "socket") continue;
    seen++;
    if (reservoir.length < size.entries) reservoir.push({ path, node });
    else {
      const place = Math.floor(random() * seen);
      if (place < size.entries) reservoir[place] = { path, node };
    }
  }
  let left = size.bytes;
  return reservoir.filter(({ node }, n) => {
    if (n > 0 && node.size > left) return false;
    left -= node.size;
    return true;
  });
}
