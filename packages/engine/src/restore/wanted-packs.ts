/** Which packs hold the content of what a restore takes; for places where they have to be asked for first. */
import { idToBytes, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { walkSnapshot } from "../browse/walk.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { RestoreSelection, type SelectionRules } from "./selection.ts";

interface Wanted {
  readonly root: Id | TreeNode;
  readonly selection: SelectionRules;
  readonly signal: AbortSignal;
}

/** Reads all trees of what is taken. Damage is left to the restore. @throws what the backend throws; the signal's reason */
export async function wantedPacks(
  repository: Repository,
  index: BlobIndex,
  { root, selection: rules, signal }: Wanted,
): Promise<Id[]> {
  const packs = new Set<number>();
  const take = ({ content }: TreeNode): void => {
    for (const id of content ?? []) {
      const place = index.find("data", idToBytes(id), 0);
      if (place !== undefined) packs.add(place.pack);
    }
  };
  if (typeof root !== "string") take(root);
  const tree = typeof root === "string" ? root : root.subtree;
  if (tree !== undefined) {
    const selection = new RestoreSelection(rules);
    const trees = new TreeReader(new BlobReader(repository, index));
    const enter = (path: string): boolean => selection.select(path, true).descend;
    for await (const { path, node } of walkSnapshot(trees, tree, { signal, enter, onProblem: () => {} })) {
      if (node.type === "file" && selection.select(path, false).selected) take(node);
    }
  }
  return [...packs].map((pack) => index.packId(pack));
}
