/** Compares a restored entry with the snapshot and with the file that it was made from. */
import { closeSync, openSync, readSync } from "node:fs";
import { messageOf, systemCode } from "@holdfast/base";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs } from "../filesystem/read-metadata.ts";
import type { TreeNode } from "../format/node.ts";

export type Comparison =
  | { readonly kind: "same" }
  /** The source is not what was backed up any more, so it proves nothing either way. */
  | { readonly kind: "source-changed"; readonly reason: string }
  | { readonly kind: "different"; readonly reasons: readonly string[] };

const BLOCK_BYTES = 1024 * 1024;

/** @param restored path of the restored entry; @param source path of the original, where there is one */
export function compareRestored(node: TreeNode, restored: string, source: string | undefined): Comparison {
  let reasons: readonly string[];
  try {
    reasons = metadataDifferences(restored, node);
  } catch (error) {
    reasons = [systemCode(error) === "ENOENT" ? "it was not restored" : messageOf(error)];
  }
  if (reasons.length > 0) return { kind: "different", reasons };
  if (source === undefined)
    return { kind: "source-changed", reason: "there is no file that it could be compared with" };
  const changed = sourceChange(node, source);
  if (changed !== undefined) return { kind: "source-changed", reason: changed };
  if (node.type !== "file") return { kind: "same" };
  try {
    if (sameContent(restored, source)) return { kind: "same" };
  } catch (error) {
    return { kind: "source-changed", reason: messageOf(error) };
  }
  // Written to between the first look and the reading: then it is no witness.
  const late = sourceChange(node, source);
  if (late !== undefined) return { kind: "source-changed", reason: late };
  return { kind: "different", reasons: ["its content is not that of the source"] };
}

function sourceChange(node: TreeNode, source: string): string | undefined {
  try {
    const stat = lstatNs(source);
    const same =
      stat.type === node.type &&
      stat.mtimeNs === node.mtimeNs &&
      stat.ctimeNs === node.ctimeNs &&
      (node.type !== "file" || stat.size === node.size);
    return same ? undefined : "it was changed since";
  } catch (error) {
    return systemCode(error) === "ENOENT" ? "it was removed since" : messageOf(error);
  }
}

function sameContent(one: string, other: string): boolean {
  const [a, b] = [openSync(fsPath(one), "r"), openSync(fsPath(other), "r")];
  const [left, right] = [Buffer.allocUnsafe(BLOCK_BYTES), Buffer.allocUnsafe(BLOCK_BYTES)];
  try {
    for (let at = 0; ;) {
      const read = readSync(a, left, 0, BLOCK_BYTES, at);
      if (readSync(b, right, 0, BLOCK_BYTES, at) !== read) return false;
      if (read === 0) return true;
      if (!left.subarray(0, read).equals(right.subarray(0, read))) return false;
      at += read;
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
