/** Lists the files and folders of snapshots that damage has reached. Walks only trees that are not whole. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { displayPath } from "../filesystem/path-bytes.ts";
import { idToBytes, type BlobType, type Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { BlobReader } from "../repository/blob-reader.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { AffectedPath } from "./findings.ts";
import type { Reachability } from "./reachability.ts";
import { namesThereTwice } from "./tree-facts.ts";

export interface AffectedParts {
  readonly index: BlobIndex;
  readonly blobs: BlobReader;
  readonly reachability: Reachability;
  readonly snapshots: readonly StoredSnapshot[];
  /** Most paths listed. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

export async function listAffected(parts: AffectedParts): Promise<{ listed: AffectedPath[]; omitted: number }> {
  const found = new Map<string, { snapshots: string[]; path: string; reason: string }>();
  let omitted = 0;
  const report = (snapshot: Id, path: string, reason: string): void => {
    const key = `${path}\0${reason}`;
    const known = found.get(key);
    if (known !== undefined) known.snapshots.push(snapshot);
    else if (found.size < parts.limit) found.set(key, { snapshots: [snapshot], path, reason });
    else omitted++;
  };
  for (const { id, snapshot } of parts.snapshots) {
    await walk(parts, snapshot.tree, (path, reason) => report(id, path, reason));
  }
  return { listed: [...found.values()], omitted };
}

async function walk(parts: AffectedParts, root: Id, report: (path: string, reason: string) => void): Promise<void> {
  const stack: { tree: Id; path: string; above: readonly Id[] }[] = [{ tree: root, path: "/", above: [] }];
  for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
    const { tree, path, above } = folder;
    if (above.includes(tree)) {
      report(path, "the folder contains itself");
      continue;
    }
    let nodes: TreeNode[];
    try {
      nodes = decodeTree(await parts.blobs.load("tree", tree, { signal: parts.signal }));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      report(path, `the folder's list of entries is lost: ${messageOf(error)}`);
      continue;
    }
    const pathOf = (name: string): string => `${path === "/" ? "" : path}/${displayPath(name)}`;
    for (const name of namesThereTwice(nodes))
      report(pathOf(name), "it is there twice, and only the first is restored");
    for (const node of nodes) {
      const below = pathOf(node.name);
      if (node.type === "file") {
        const reason = lossOf(parts, node);
        if (reason !== undefined) report(below, reason);
      } else if (node.subtree !== undefined) {
        const entry = parts.index.entryOf("tree", idToBytes(node.subtree), 0);
        if (entry < 0 || !parts.reachability.isWhole(entry)) {
          stack.push({ tree: node.subtree, path: below, above: [...above, tree] });
        }
      }
    }
  }
}

/** Why a file is not restored as it was; `undefined` when it is. */
function lossOf(parts: AffectedParts, { content }: TreeNode): string | undefined {
  const ids = content ?? [];
  const bad = ids.filter((id) => !isGood(parts, "data", id)).length;
  return bad > 0 ? `${bad} of ${ids.length} parts of its content are lost` : undefined;
}

function isGood({ index, reachability }: AffectedParts, type: BlobType, id: Id): boolean {
  const entry = index.entryOf(type, idToBytes(id), 0);
  return entry >= 0 && !reachability.isDamaged(entry);
}
