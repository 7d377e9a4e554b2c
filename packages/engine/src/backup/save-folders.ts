/** Saves the folders that this thread makes, above targets and given entries; everything below is for the workers. */
import { posix } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { compareNames } from "../filesystem/path-bytes.ts";
import { lstatNs, readNode } from "../filesystem/read-metadata.ts";
import type { Id } from "../format/id.ts";
import { encodeNode, encodeNodeHead, type TreeNode } from "../format/node.ts";
import { systemReason } from "../platform/libc.ts";
import type { Counters } from "../workers/counters.ts";
import type { Coordinator } from "./coordinator.ts";
import { describeItem, type EntryWork } from "./item-log.ts";
import type { BACKUP_COUNTERS, BackupItem, Problem, StoredTree } from "./messages.ts";
import type { BackupOptions } from "./options.ts";
import type { TargetLeaf } from "./targets.ts";

export interface SaveParts {
  readonly coordinator: Coordinator;
  readonly counters: Counters<typeof BACKUP_COUNTERS>;
  readonly options: BackupOptions;
  readonly parentTree: Id | undefined;
  readonly loadTree: (id: Id) => Promise<TreeNode[]>;
  readonly onProblem: (problem: Problem) => void;
  readonly onItem: (item: BackupItem) => void;
}

/** A folder of the snapshot that is not found by a worker. The snapshot's root has neither path nor node. */
export interface MadeFolder {
  /** The real folder whose metadata it carries. */
  readonly path?: string | undefined;
  /** Its metadata, where it was given. */
  readonly node?: TreeNode | undefined;
  /** It was given itself; otherwise it is only there for what is in it. */
  readonly isGiven?: boolean;
  readonly children: ReadonlyMap<string, MadeFolder | TargetLeaf | GivenNode>;
}

/** An entry that was given, and is no folder. */
export interface GivenNode {
  /** Without its content. */
  readonly node: TreeNode;
  /** Of a file; `null` for all else. */
  readonly content: Promise<Id[]> | null;
  readonly work: EntryWork;
}

interface FolderToSave {
  readonly folder: MadeFolder;
  /** In the snapshot; empty for its root. */
  readonly path: string;
  readonly parentTree: Id | undefined;
}

/** The tree of a folder above the targets; `undefined` when nothing in it is stored. */
export async function saveFolder(
  parts: SaveParts,
  { folder, path, parentTree }: FolderToSave,
): Promise<StoredTree | undefined> {
  const saved = new Map<string, string>();
  const leaves: [string, TargetLeaf][] = [];
  const folders: [string, MadeFolder][] = [];
  const given: [string, GivenNode][] = [];
  for (const [name, child] of folder.children) {
    if ("explicit" in child) leaves.push([name, child]);
    else if ("children" in child) folders.push([name, child]);
    else given.push([name, child]);
  }
  const groups = groupLeaves(leaves);
  const [only] = groups;
  const isOnlyLeaves = folders.length + given.length === 0;
  // As with `backup .`: a folder of a million entries never passes through this thread.
  if (only !== undefined && groups.length === 1 && isOnlyLeaves) {
    return parts.coordinator.wholeTree(entriesOf({ ...only, storedDir: path, parentTree }));
  }
  const previous = isOnlyLeaves ? new Map<string, TreeNode>() : await loadPrevious(parts, parentTree);
  for (const [name, child] of given) {
    saved.set(name, await finishGiven(parts, child, `${path}/${name}`, previous.get(name)));
  }
  await Promise.all([
    ...groups.map((group) => saveLeaves(parts, { ...group, storedDir: path, parentTree }, saved)),
    ...folders.map(async ([name, child]) => {
      const json = await saveSubfolder(parts, { name, child, path: `${path}/${name}`, previous: previous.get(name) });
      if (json !== undefined) saved.set(name, json);
    }),
  ]);
  const nodes = [...saved].sort(([a], [b]) => compareNames(a, b)).map(([, json]) => json);
  // A folder that was given is there also when it is empty.
  const isGiven = folder.node !== undefined || folder.isGiven === true;
  return nodes.length === 0 && !isGiven ? undefined : parts.coordinator.tree(nodes);
}

/** Counts and tells what became of a given entry. */
async function finishGiven(
  { counters, options, onItem }: SaveParts,
  { node: unfinished, content, work }: GivenNode,
  path: string,
  previous: TreeNode | undefined,
): Promise<string> {
  const node = { ...unfinished, content: await content };
  const json = encodeNode(node);
  const before = previous === undefined ? undefined : encodeNode(previous);
  if (node.type === "file") {
    counters.add(before === undefined ? "filesNew" : before === json ? "filesUnmodified" : "filesChanged", 1);
  } else counters.add("othersDone", 1);
  if (options.itemEvents === true) onItem(describeItem({ path, node, json, previous: before }, work));
  return json;
}

async function saveSubfolder(
  parts: SaveParts,
  { name, child, path, previous }: { name: string; child: MadeFolder; path: string; previous: TreeNode | undefined },
): Promise<string | undefined> {
  const startedMs = performance.now();
  const parentTree = previous?.type === "dir" ? previous.subtree : undefined;
  const tree = await saveFolder(parts, { folder: child, path, parentTree });
  if (tree === undefined) return undefined;
  const node = child.node ?? readFolder(parts, child.path as string, name);
  if (node === undefined) return undefined;
  const { id, added } = tree;
  const json = `${encodeNodeHead(node)}"content":null,"subtree":"${id}"}`;
  const before = previous === undefined ? undefined : encodeNode(previous);
  parts.counters.add(before === undefined ? "dirsNew" : before === json ? "dirsUnmodified" : "dirsChanged", 1);
  if (parts.options.itemEvents === true) {
    parts.onItem(describeItem({ path, node, json, previous: before }, { startedMs, added }));
  }
  return json;
}

/** `undefined` for one that is gone by now, or cannot be looked at; that is told. */
function readFolder(parts: SaveParts, source: string, name: string): TreeNode | undefined {
  const { withAtime } = parts.options.reading;
  try {
    const { node, problems } = readNode(source, name, lstatNs(source), { withAtime });
    for (const reason of problems) parts.onProblem({ code: "metadata", path: source, reason });
    return node;
  } catch (error) {
    const code = systemCode(error) === "ENOENT" ? "vanished" : "unreadable";
    parts.onProblem({ code, path: source, reason: systemReason(error) });
    return undefined;
  }
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

async function saveLeaves({ coordinator }: SaveParts, group: PlacedGroup, saved: Map<string, string>): Promise<void> {
  const entries = entriesOf(group);
  const nodes = await coordinator.entries(entries);
  nodes.forEach((json, n) => {
    if (json !== null) saved.set(entries.storedNames[n] as string, json);
  });
}

async function loadPrevious(parts: SaveParts, tree: Id | undefined): Promise<Map<string, TreeNode>> {
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
