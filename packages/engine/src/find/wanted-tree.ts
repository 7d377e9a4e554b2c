/** A tree that is to be searched. */

/** What may be found in a tree: entries that match by their own name, or all, since the folder itself was matched. */
export type SearchMode = "by-name" | "everything";

export interface WantedTree {
  /** Entry of the blob index. */
  readonly entry: number;
  readonly mode: SearchMode;
}

/** One number below 2^32 for a tree in a mode. There are twice as many as entries. */
export function keyOf({ entry, mode }: WantedTree): number {
  return entry * 2 + (mode === "everything" ? 1 : 0);
}

export function treeOfKey(key: number): WantedTree {
  return { entry: key >>> 1, mode: (key & 1) === 1 ? "everything" : "by-name" };
}
