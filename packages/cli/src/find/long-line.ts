/** An entry that was found, as a line with mode, owner, size and time. */
import { type TreeNode, displayPath } from "@holdfast/engine";
import { formatBytes, formatLocalTime, formatMode } from "../output/units.ts";

/** What stands before and behind the path. Most entries are printed for many snapshots, so it is kept. */
const TEXTS = new WeakMap<TreeNode, readonly [before: string, behind: string]>();

/** `-rw-r--r--  1000  1000       1234 2026-11-01 22:08:41 /path`, with the target of a link behind it. */
export function longLine(path: string, node: TreeNode, { units }: { units: boolean }): string {
  let texts = TEXTS.get(node);
  if (texts === undefined) TEXTS.set(node, (texts = textsOf(node, units)));
  return `${texts[0]}${displayPath(path)}${texts[1]}`;
}

function textsOf(node: TreeNode, units: boolean): readonly [string, string] {
  const size = units ? formatBytes(node.size) : String(node.size);
  const owner = `${String(node.uid).padStart(5)} ${String(node.gid).padStart(5)}`;
  const link = node.linkTarget === "" ? "" : ` -> ${displayPath(node.linkTarget)}`;
  const time = formatLocalTime(node.mtimeNs);
  return [`${formatMode(node.type, node.mode)} ${owner} ${size.padStart(10)} ${time} `, link];
}
