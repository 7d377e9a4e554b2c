/** Saves the targets of a backup: the folders above them on the main thread, everything below in the workers. */
import { statSync } from "node:fs";
import { posix } from "node:path";
import { messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { compareNames, fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs, readNode } from "../filesystem/read-metadata.ts";
import type { Id } from "../format/id.ts";
import { encodeNode, encodeNodeHead, type TreeNode } from "../format/node.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import { describeItem } from "./item-log.ts";
import { listFolder } from "./list-folder.ts";
import type { BACKUP_COUNTERS, BackupItem, Problem, StoredTree } from "./messages.ts";
import type { BackupOptions } from "./options.ts";
import { expandTargets, isLeaf, targetTree, type TargetFolder, type TargetLeaf } from "./targets.ts";

export interface SaveTargetsParts {
  readonly coordinator: Coordinator;
  readonly counters: Counters<typeof BACKUP_COUNTERS>;
  readonly options: BackupOptions;
  readonly parentTree: Id | undefined;
  readonly loadTree: (id: Id) => Promise<TreeNode[]>;
  readonly onProblem: (problem: Problem) => void;
  readonly onItem: (item: BackupItem) => void;
}

/** @returns the snapshot's tree. @throws ENGINE_NOTHING_TO_BACK_UP */
export async function saveTargets(parts: SaveTargetsParts): Promise<Id> {
  const { targets, cwd } = parts.options;
  const outside = targets.filter((target) => !isLeftOut(parts, posix.resolve(cwd, target)));
  const expanded = expandTargets(outside, (path) => listFolder(posix.resolve(cwd, path)));
  const tree = await saveFolder(parts, { folder: targetTree(expanded, cwd), path: "", parentTree: parts.parentTree });
  if (tree === undefined) {
    throw engineError("ENGINE_NOTHING_TO_BACK_UP", { reason: "no target could be read, or all are excluded" });
  }
  return tree.id;
}

/** Whether a target lies in the repository, which is then told. */
function isLeftOut({ options }: SaveTargetsParts, target: string): boolean {
  const { repository } = options.rules;
  if (repository === undefined) return false;
  for (let folder = target; ; folder = posix.dirname(folder)) {
    if (isFolder(folder, repository)) {
      options.onEvent({ kind: "repository", path: folder });
      return true;
    }
    if (folder === "/") return false;
  }
}

/** Links are followed: what lies behind one is in the folder that it leads to. */
function isFolder(path: string, { deviceId, inode }: { deviceId: bigint; inode: bigint }): boolean {
  try {
    const stat = statSync(fsPath(path), { bigint: true });
    return stat.isDirectory() && stat.dev === deviceId && stat.ino === inode;
  } catch {
    // Whether it is there and can be read is said when it is saved.
    return false;
  }
}

/** The absolute paths that the snapshot names, sorted as restic does not: in the order given. */
export function snapshotPaths({ targets, cwd, stdin }: Pick<BackupOptions, "targets" | "cwd" | "stdin">): string[] {
  return stdin === undefined ? targets.map((target) => posix.resolve(cwd, target)) : [posix.resolve("/", stdin.name)];
}

interface FolderToSave {
  readonly folder: TargetFolder;
  /** In the snapshot; empty for its root. */
  readonly path: string;
  readonly parentTree: Id | undefined;
}

/** The tree of a folder above the targets; `undefined` when nothing in it is stored. */
async function saveFolder(
  parts: SaveTargetsParts,
  { folder, path, parentTree }: FolderToSave,
): Promise<StoredTree | undefined> {
  const saved = new Map<string, string>();
  const leaves: [string, TargetLeaf][] = [];
  const folders: [string, TargetFolder][] = [];
  for (const [name, child] of folder.children) {
    if (isLeaf(child)) leaves.push([name, child]);
    else folders.push([name, child]);
  }
  const groups = groupLeaves(leaves);
  const [only] = groups;
  // As with `backup .`: a folder of a million entries never passes through this thread.
  if (only !== undefined && groups.length === 1 && folders.length === 0) {
    return parts.coordinator.wholeTree(entriesOf({ ...only, storedDir: path, parentTree }));
  }
  const previous = folders.length === 0 ? new Map<string, TreeNode>() : await loadPrevious(parts, parentTree);
  await Promise.all([
    ...groups.map((group) => saveLeaves(parts, { ...group, storedDir: path, parentTree }, saved)),
    ...folders.map(async ([name, child]) => {
      const json = await saveSubfolder(parts, { name, child, path: `${path}/${name}`, previous: previous.get(name) });
      if (json !== undefined) saved.set(name, json);
    }),
  ]);
  const nodes = [...saved].sort(([a], [b]) => compareNames(a, b)).map(([, json]) => json);
  return nodes.length === 0 ? undefined : parts.coordinator.tree(nodes);
}

async function saveSubfolder(
  parts: SaveTargetsParts,
  { name, child, path, previous }: { name: string; child: TargetFolder; path: string; previous: TreeNode | undefined },
): Promise<string | undefined> {
  const startedMs = performance.now();
  const source = child.path as string;
  const parentTree = previous?.type === "dir" ? previous.subtree : undefined;
  const tree = await saveFolder(parts, { folder: child, path, parentTree });
  if (tree === undefined) return undefined;
  const { node, problems } = readNode(source, name, lstatNs(source), { withAtime: parts.options.reading.withAtime });
  for (const reason of problems) parts.onProblem({ code: "metadata", path: source, reason });
  const { id, added } = tree;
  const json = `${encodeNodeHead(node)}"content":null,"subtree":"${id}"}`;
  const before = previous === undefined ? undefined : encodeNode(previous);
  parts.counters.add(before === undefined ? "dirsNew" : before === json ? "dirsUnmodified" : "dirsChanged", 1);
  if (parts.options.itemEvents === true) {
    parts.onItem(describeItem({ path, node, json, previous: before }, { startedMs, added }));
  }
  return json;
}

interface LeafGroup {
  readonly dir: string;
  readonly explicit: boolean;
  readonly leaves: [string, TargetLeaf][];
}

/** Targets that lie in the same real folder are one task. */
function groupLeaves(leaves: readonly [string, TargetLeaf][]): LeafGroup[] {
  const groups = new Map<string, LeafGroup>();
  for (const entry of leaves) {
    const { path, explicit } = entry[1];
    const dir = posix.dirname(path);
    const key = `${explicit}${dir}`;
    const group = groups.get(key) ?? { dir, explicit, leaves: [] };
    group.leaves.push(entry);
    groups.set(key, group);
  }
  return [...groups.values()];
}

type PlacedGroup = LeafGroup & { readonly storedDir: string; readonly parentTree: Id | undefined };
type Entries = Parameters<Coordinator["entries"]>[0] & { readonly storedNames: readonly string[] };

/** The group as a worker's task. */
function entriesOf({ dir, explicit, leaves, storedDir, parentTree }: PlacedGroup): Entries {
  // The cursor over the parent's tree needs the names in order.
  const sorted = leaves.sort(([a], [b]) => compareNames(a, b));
  const storedNames = sorted.map(([name]) => name);
  const names = sorted.map(([, leaf]) => posix.basename(leaf.path));
  return { dir, storedDir, names, storedNames, parentTree, explicit, device: undefined };
}

async function saveLeaves(
  { coordinator }: SaveTargetsParts,
  group: PlacedGroup,
  saved: Map<string, string>,
): Promise<void> {
  const entries = entriesOf(group);
  const nodes = await coordinator.entries(entries);
  nodes.forEach((json, n) => {
    if (json !== null) saved.set(entries.storedNames[n] as string, json);
  });
}

async function loadPrevious(parts: SaveTargetsParts, tree: Id | undefined): Promise<Map<string, TreeNode>> {
  if (tree === undefined) return new Map();
  try {
    return new Map((await parts.loadTree(tree)).map((node) => [node.name, node]));
  } catch (error) {
    if (parts.options.signal.aborted) throw error;
    // A damaged parent costs time, not data: everything is read again.
    parts.onProblem({ code: "parent-tree", path: `tree ${tree}`, reason: messageOf(error) });
    return new Map();
  }
}
