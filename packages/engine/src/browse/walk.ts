/** Walks a snapshot: depth first, in the order in which trees are stored. */
import { setImmediate as eventLoopTurn } from "node:timers/promises";
import type { HoldfastError } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import { nodeNameProblem, type TreeNode } from "../format/node.ts";
import type { TreeReader } from "../repository/tree-reader.ts";
import { isDamageError } from "./damage.ts";

/** An entry of a snapshot. */
export interface WalkedNode {
  /** Surrogate-escaped, with a leading slash, below the prefix of the walk. */
  readonly path: string;
  readonly node: TreeNode;
}

/** Something that a walk had to leave out. */
export interface WalkProblem {
  /** Surrogate-escaped path of the folder whose content is lost, or of the entry that was left out. */
  readonly path: string;
  readonly error: HoldfastError;
}

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Stands before every path: where the root of the walk lies, such as `/home/anna`. Default: the snapshot's root. */
  readonly prefix?: string;
  /** Says whether to go into a folder, after the folder itself was yielded. Default: into all. */
  readonly enter?: (path: string, node: TreeNode) => boolean;
  /** Called for damage; the walk then goes on without that part. Without it, damage is thrown. */
  readonly onProblem?: (problem: WalkProblem) => void;
}

/** A walk whose trees are all in memory would keep signals and progress waiting until its end. */
const TURN_MS = 20;
const ENTRIES_BETWEEN_LOOKS = 256;

interface Level {
  readonly tree: Id;
  /** Without a slash at the end; empty for the root. */
  readonly path: string;
  readonly nodes: readonly TreeNode[];
  next: number;
}

/**
 * Every entry below a tree, a folder before its content. Holds one list of entries a level, so the depth of the snapshot is
 * limited by memory only. A tree that contains itself is damage, not an endless walk.
 * @throws damage when there is no `onProblem` (ENGINE_BLOB_MISSING, ENGINE_TREE_CYCLE, ENGINE_TREE_UNSAFE_NAME and others);
 * always what the backend throws otherwise; on abort the signal's reason
 */
export async function* walkSnapshot(trees: TreeReader, root: Id, options: WalkOptions): AsyncGenerator<WalkedNode> {
  const { signal, enter, prefix = "" } = options;
  const levels: Level[] = [];
  const above = new Set<Id>();
  const open = async (tree: Id | undefined, path: string): Promise<void> => {
    try {
      const nodes = await loadLevel(trees, { tree, path, above }, signal);
      levels.push({ ...nodes, path, next: 0 });
      above.add(nodes.tree);
    } catch (error) {
      reportOrThrow(options, path, error);
    }
  };
  await open(root, prefix.replace(/\/+$/, ""));
  let entries = 0;
  let turnedAtMs = performance.now();
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (++entries % ENTRIES_BETWEEN_LOOKS === 0 && performance.now() - turnedAtMs > TURN_MS) {
      await eventLoopTurn();
      turnedAtMs = performance.now();
    }
    signal.throwIfAborted();
    const node = level.nodes[level.next++];
    if (node === undefined) {
      above.delete(level.tree);
      levels.pop();
      continue;
    }
    const path = `${level.path}/${node.name}`;
    const problem = nodeNameProblem(node.name);
    if (problem !== undefined) {
      reportOrThrow(options, path, engineError("ENGINE_TREE_UNSAFE_NAME", { name: displayPath(node.name) }));
      continue;
    }
    yield { path, node };
    if (node.type === "dir" && (enter === undefined || enter(path, node))) await open(node.subtree, path);
  }
}

async function loadLevel(
  trees: TreeReader,
  { tree, path, above }: { tree: Id | undefined; path: string; above: ReadonlySet<Id> },
  signal: AbortSignal,
): Promise<{ tree: Id; nodes: readonly TreeNode[] }> {
  if (tree === undefined) {
    throw engineError("ENGINE_MALFORMED", { what: `the folder '${displayPath(path)}'`, reason: "it names no tree" });
  }
  if (above.has(tree)) throw engineError("ENGINE_TREE_CYCLE", { path: displayPath(path), id: tree });
  return { tree, nodes: await trees.load(tree, { signal }) };
}

function reportOrThrow({ onProblem, signal }: WalkOptions, path: string, error: unknown): void {
  if (onProblem === undefined || signal.aborted || !isDamageError(error)) throw error;
  onProblem({ path: path === "" ? "/" : path, error });
}
