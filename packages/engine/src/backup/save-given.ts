/** Saves entries that are handed over: takes their content as it comes, then stores the folders that they are in. */
import { posix } from "node:path";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import { nodeNameProblem, type NodeType, type TreeNode } from "../format/node.ts";
import { NOTHING_ADDED } from "./blob-store.ts";
import type { GivenEntries, GivenEntry, GivenMetadata } from "./given-entries.ts";
import type { BackupOptions } from "./options.ts";
import { type GivenNode, type MadeFolder, saveFolder, type SaveParts } from "./save-folders.ts";
import { StreamStore, untilFailure } from "./store-stream.ts";
import type { TargetLeaf } from "./targets.ts";

export type SaveGivenParts = SaveParts & { readonly given: GivenEntries; readonly polynomial: bigint };

/** A folder while its entries come. */
interface Folder extends MadeFolder {
  path: string | undefined;
  node: TreeNode | undefined;
  isGiven: boolean;
  readonly children: Map<string, Folder | TargetLeaf | GivenNode>;
}

/**
 * @returns the snapshot's tree. Throws what the entries throw: then nothing is referenced by a snapshot.
 * @throws ENGINE_NOTHING_TO_BACK_UP, ENGINE_GIVEN_PATH
 */
export async function saveGiven(parts: SaveGivenParts): Promise<Id> {
  const root = newFolder(undefined);
  const streams = new StreamStore(parts.coordinator, parts.counters, parts.polynomial);
  for await (const entry of untilFailure(parts.given.entries, parts.coordinator)) {
    const names = namesIn(entry.path);
    const name = names.pop() as string;
    const folder = folderAt(root, names, parts.options, entry.path);
    if (entry.kind === "folder") {
      placeFolder(folder, name, { node: nodeOf(name, "dir", entry, parts.options), path: undefined }, entry.path);
    } else if (entry.kind === "real-folder") {
      placeFolder(folder, name, { node: undefined, path: entry.from }, entry.path);
    } else {
      if (folder.children.has(name)) throw twice(entry.path);
      folder.children.set(name, await leafOf(parts, streams, entry, name));
    }
  }
  const tree = await saveFolder(parts, { folder: root, path: "", parentTree: parts.parentTree });
  if (tree === undefined) throw engineError("ENGINE_NOTHING_TO_BACK_UP", { reason: "the source gave no entry" });
  return tree.id;
}

async function leafOf(
  parts: SaveGivenParts,
  streams: StreamStore,
  entry: Exclude<GivenEntry, { kind: "folder" | "real-folder" }>,
  name: string,
): Promise<TargetLeaf | GivenNode> {
  const { options, counters } = parts;
  if (entry.kind === "real") return { path: entry.from, explicit: entry.found !== true, root: "/" };
  const startedMs = performance.now();
  if (entry.kind === "symlink") {
    const given = { ...nodeOf(name, "symlink", entry, options), linkTarget: entry.linkTarget };
    return { node: given, content: null, work: { startedMs, added: NOTHING_ADDED } };
  }
  const before = counters.read();
  const { content, sizeBytes } = await streams.store(entry.content);
  const node = { ...nodeOf(name, "file", entry, options), size: sizeBytes };
  // Who wants to hear of each waits for each; otherwise many small files would keep the workers idle.
  if (options.itemEvents !== true) return { node, content, work: { startedMs, added: NOTHING_ADDED } };
  await content;
  const { dataAdded, dataAddedPacked } = counters.read();
  const added = { plain: dataAdded - before.dataAdded, stored: dataAddedPacked - before.dataAddedPacked };
  return { node, content, work: { startedMs, added } };
}

/** The folder with these names, which is made when it is not there. */
function folderAt(root: Folder, names: readonly string[], options: BackupOptions, path: string): Folder {
  let folder = root;
  for (const name of names) {
    const existing = folder.children.get(name);
    if (existing !== undefined && !isFolder(existing)) throw twice(path);
    const next = existing ?? newFolder(nodeOf(name, "dir", {}, options));
    if (existing === undefined) folder.children.set(name, next);
    folder = next;
  }
  return folder;
}

function placeFolder(parent: Folder, name: string, { node, path }: Pick<Folder, "node" | "path">, given: string): void {
  const existing = parent.children.get(name);
  if (existing !== undefined && (!isFolder(existing) || existing.isGiven)) throw twice(given);
  const folder = existing ?? newFolder(undefined);
  parent.children.set(name, Object.assign(folder, { node, path, isGiven: true }));
}

function newFolder(node: TreeNode | undefined): Folder {
  return { path: undefined, node, isGiven: false, children: new Map() };
}

function isFolder(child: Folder | TargetLeaf | GivenNode): child is Folder {
  return "children" in child;
}

function namesIn(path: string): string[] {
  const names = posix.resolve("/", path).split("/").slice(1);
  const problem = names.map((name) => nodeNameProblem(name)).find((each) => each !== undefined);
  if (problem !== undefined) throw engineError("ENGINE_GIVEN_PATH", { path, reason: problem });
  return names;
}

function twice(path: string): Error {
  return engineError("ENGINE_GIVEN_PATH", {
    path,
    reason: "it was given twice, or lies in something that is no folder",
  });
}

function nodeOf(name: string, type: NodeType, metadata: GivenMetadata, options: BackupOptions): TreeNode {
  const nowNs = options.timeNs ?? BigInt(Date.now()) * 1_000_000n;
  const { mode = type === "dir" ? 0o755 : 0o644, uid = options.uid, mtimeNs = nowNs } = metadata;
  return {
    name,
    type,
    mode: type === "symlink" ? 0o777 : mode,
    mtimeNs,
    atimeNs: mtimeNs,
    ctimeNs: mtimeNs,
    uid,
    gid: metadata.gid ?? options.gid,
    user: metadata.user ?? (metadata.uid === undefined ? options.username : ""),
    group: metadata.group ?? "",
    inode: 0n,
    deviceId: 0n,
    size: 0,
    links: 0,
    linkTarget: "",
    extendedAttributes: [...(metadata.extendedAttributes ?? [])],
    device: 0n,
    content: null,
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
  };
}
