/** The orders in which `ls` can list. */
import { extname } from "node:path";
import { type WalkedNode, compareNames } from "@holdfast/engine";

type Compare = (a: WalkedNode, b: WalkedNode) => number;

const byPath: Compare = (a, b) => compareNames(a.path, b.path);
const byTime =
  (field: "mtimeNs" | "atimeNs" | "ctimeNs"): Compare =>
  (a, b) =>
    a.node[field] < b.node[field] ? -1 : a.node[field] > b.node[field] ? 1 : 0;

const ORDERS: Readonly<Record<string, Compare>> = {
  name: byPath,
  size: (a, b) => a.node.size - b.node.size,
  time: byTime("mtimeNs"),
  mtime: byTime("mtimeNs"),
  atime: byTime("atimeNs"),
  ctime: byTime("ctimeNs"),
  extension: (a, b) => compareNames(extname(a.path), extname(b.path)),
};

/** Entries in the order of a field of `--sort`; those that are equal in it by their paths. */
export function sortEntries(entries: readonly WalkedNode[], field: string, reverse: boolean): WalkedNode[] {
  const compare = ORDERS[field] ?? byPath;
  const sorted = entries.toSorted((a, b) => compare(a, b) || byPath(a, b));
  return reverse ? sorted.reverse() : sorted;
}
