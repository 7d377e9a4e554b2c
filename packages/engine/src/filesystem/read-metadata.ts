/**
 * What the file system says of one path, as a node of a tree. Rules are restic's, so that both store the same bytes.
 */
import { lstatSync, readlinkSync, type BigIntStats } from "node:fs";
import { systemCode } from "@holdfast/base";
import type { ExtendedAttribute, NodeType, TreeNode } from "../format/node.ts";
import { lgetxattr, llistxattr } from "../platform/extended-attributes.ts";
import { systemReason } from "../platform/libc.ts";
import { groupName, userName } from "./owners.ts";
import { decodePath, displayPath, fsPath } from "./path-bytes.ts";

/** lstat(2), in the units of a node. */
export interface RawStat {
  readonly type: NodeType;
  /** `st_mode & 07777`. */
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly inode: bigint;
  /** `st_dev`. */
  readonly deviceId: bigint;
  /** `st_rdev`. */
  readonly device: bigint;
  readonly links: number;
  /** `st_size`, of any type. */
  readonly size: number;
}

/**
 * The state of the path itself; a link is not followed.
 *
 * @throws what `node:fs` throws, for example ENOENT
 */
export function lstatNs(path: string): RawStat {
  return rawStat(lstatSync(fsPath(path), { bigint: true }));
}

/** The same from a stat of an open file. */
export function rawStat(stat: BigIntStats): RawStat {
  const mode = Number(stat.mode);
  return {
    type: TYPES.get(mode & 0o170000) ?? "irregular",
    mode: mode & 0o7777,
    mtimeNs: stat.mtimeNs,
    atimeNs: stat.atimeNs,
    ctimeNs: stat.ctimeNs,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    inode: stat.ino,
    deviceId: stat.dev,
    device: stat.rdev,
    links: Number(stat.nlink),
    size: Number(stat.size),
  };
}

const TYPES: ReadonlyMap<number, NodeType> = new Map([
  [0o100000, "file"],
  [0o040000, "dir"],
  [0o120000, "symlink"],
  [0o060000, "dev"],
  [0o020000, "chardev"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

/**
 * The node of a path with all but its content: `content` is `[]` for a file and `null` for all else, `subtree` is not
 * set.
 *
 * Without `withAtime` the time of access is that of modification, so that reading a file does not change its folder's
 * tree. What cannot be read is left out and told in `problems`, in words that do not name the path.
 */
export function readNode(
  path: string,
  name: string,
  stat: RawStat,
  options: { withAtime: boolean },
): { node: TreeNode; problems: string[] } {
  const { node, problems } = readPlainNode(path, name, stat, options);
  node.extendedAttributes = readExtendedAttributes(path, problems);
  return { node, problems };
}

/**
 * As `readNode`, but without looking for extended attributes: a third of the work where they are known to be the same.
 */
export function readPlainNode(
  path: string,
  name: string,
  stat: RawStat,
  { withAtime }: { withAtime: boolean },
): { node: TreeNode; problems: string[] } {
  const { type } = stat;
  const isDevice = type === "dev" || type === "chardev";
  const problems: string[] = [];
  const node: TreeNode = {
    name,
    type,
    mode: stat.mode,
    mtimeNs: stat.mtimeNs,
    atimeNs: withAtime ? stat.atimeNs : stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    uid: stat.uid,
    gid: stat.gid,
    user: attempt("the owner's name", "", problems, () => userName(stat.uid)),
    group: attempt("the group's name", "", problems, () => groupName(stat.gid)),
    inode: stat.inode,
    deviceId: stat.deviceId,
    size: type === "file" ? stat.size : 0,
    // Folders count their subfolders as links, and differ in that between file systems.
    links: type === "file" || type === "symlink" || isDevice ? stat.links : 0,
    linkTarget: type === "symlink" ? attempt("the link", "", problems, () => readLink(path)) : "",
    extendedAttributes: [],
    device: isDevice ? stat.device : 0n,
    content: type === "file" ? [] : null,
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
  };
  return { node, problems };
}

/** The target of a link, surrogate-escaped. @throws what `node:fs` throws */
export function readLink(path: string): string {
  return decodePath(readlinkSync(fsPath(path), { encoding: "buffer" }));
}

/**
 * The extended attributes of the path itself in the system's order, which is the one that restic stores. A file system
 * that has none gives an empty list.
 */
export function readExtendedAttributes(path: string, problems: string[]): ExtendedAttribute[] {
  const attributes: ExtendedAttribute[] = [];
  for (const name of attempt("the list of extended attributes", [], problems, () => llistxattr(path))) {
    const what = `the extended attribute ${displayPath(name)}`;
    const value = attempt(what, undefined, problems, () => lgetxattr(path, name));
    if (value !== undefined) attributes.push({ name, value });
  }
  return attributes;
}

// Where a file system has no attributes, a network mount may say "no such attribute" instead of "not supported".
const NO_ATTRIBUTES = new Set(["ENOTSUP", "ENODATA"]);

function attempt<T>(what: string, otherwise: T, problems: string[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!NO_ATTRIBUTES.has(systemCode(error) ?? "")) problems.push(`${what} cannot be read: ${systemReason(error)}`);
    return otherwise;
  }
}
