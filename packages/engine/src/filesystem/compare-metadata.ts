/** Compares a path with the node it was restored from: the part of proving a restore that reads no content. */
import { Buffer } from "node:buffer";
import type { ExtendedAttribute, TreeNode } from "../format/node.ts";
import { displayPath } from "./path-bytes.ts";
import { lstatNs, readExtendedAttributes, readLink, type RawStat } from "./read-metadata.ts";

/**
 * What differs, in words like `mode is 0600 instead of 0644`; empty when nothing does. Compared are type, mode, owner,
 * size, time of modification to the nanosecond, link target, device, and extended attributes with ACLs, in any order.
 * Not compared is what no restore can bring back or keep: inode, time of change, time of access, number of links.
 *
 * @throws what `node:fs` throws when the path cannot be looked at, for example ENOENT
 */
export function metadataDifferences(path: string, node: TreeNode): string[] {
  const stat = lstatNs(path);
  if (stat.type !== node.type) return [`it is a ${stat.type} instead of a ${node.type}`];
  const differences: string[] = [];
  const compare = <T>(what: string, is: T, wanted: T, show: (value: T) => string = String): void => {
    if (is !== wanted) differences.push(`${what} is ${show(is)} instead of ${show(wanted)}`);
  };
  // Links have no mode of their own.
  if (node.type !== "symlink") compare("mode", stat.mode, node.mode, octal);
  compare("owner", stat.uid, node.uid);
  compare("group", stat.gid, node.gid);
  compare("modification time", stat.mtimeNs, node.mtimeNs, seconds);
  if (node.type === "file") compare("size", stat.size, node.size);
  if (node.type === "symlink") compare("link target", readLink(path), node.linkTarget, quoted);
  if (isDevice(stat)) compare("device", stat.device, node.device);
  const problems: string[] = [];
  differences.push(
    ...attributeDifferences(readExtendedAttributes(path, problems), node.extendedAttributes),
    ...problems,
  );
  return differences;
}

function isDevice({ type }: RawStat): boolean {
  return type === "dev" || type === "chardev";
}

function attributeDifferences(present: readonly ExtendedAttribute[], wanted: readonly ExtendedAttribute[]): string[] {
  const left = new Map(present.map(({ name, value }) => [name, value]));
  const differences: string[] = [];
  for (const { name, value } of wanted) {
    const is = left.get(name);
    left.delete(name);
    if (is === undefined) differences.push(`extended attribute ${displayPath(name)} is missing`);
    else if (Buffer.compare(is, value) !== 0)
      differences.push(`extended attribute ${displayPath(name)} has another value`);
  }
  for (const name of left.keys()) differences.push(`extended attribute ${displayPath(name)} should not be there`);
  return differences;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function quoted(path: string): string {
  return `'${displayPath(path)}'`;
}

/** Seconds since 1970 with nine decimals. */
function seconds(ns: bigint): string {
  const digits = (ns < 0n ? -ns : ns).toString().padStart(10, "0");
  return `${ns < 0n ? "-" : ""}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
