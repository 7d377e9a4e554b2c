/** Compares restored files with the originals they were backed up from: the proof that a backup can be restored. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { systemCode } from "@holdfast/base";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs, readNode } from "../filesystem/read-metadata.ts";
import type { TreeNode } from "../format/node.ts";
import { systemReason } from "../platform/libc.ts";

/** A restored file and its original. */
export interface FilePair {
  readonly restored: string;
  readonly original: string;
}

export interface FileComparison extends FilePair {
  /**
   * - `same`: content and metadata are equal
   * - `differs`: they are not
   * - `changed`: the original was changed or removed since the backup, so nothing can be said
   */
  readonly outcome: "same" | "differs" | "changed";
  /** What differs, in words; empty for `same`. */
  readonly differences: readonly string[];
}

const BUFFER_BYTES = 1024 * 1024;

/**
 * Compares each pair, reading all content of both. An original that is younger than the backup counts as changed.
 * @param takenAtNs when the backup began: nanoseconds since 1970
 * @throws the signal's reason
 */
export async function compareWithFiles(
  pairs: readonly FilePair[],
  { takenAtNs, signal }: { takenAtNs: bigint; signal: AbortSignal },
): Promise<FileComparison[]> {
  const results: FileComparison[] = [];
  for (const pair of pairs) {
    signal.throwIfAborted();
    results.push({ ...pair, ...(await comparePair(pair, takenAtNs, signal)) });
  }
  return results;
}

async function comparePair(
  { restored, original }: FilePair,
  takenAtNs: bigint,
  signal: AbortSignal,
): Promise<Pick<FileComparison, "outcome" | "differences">> {
  let node: TreeNode;
  let content: string;
  let isChanged: boolean;
  try {
    const stat = lstatNs(original);
    ({ node } = readNode(original, "", stat, { withAtime: false }));
    content = await hashOfFile(original, signal);
    // The time of change moves with every change of content or metadata, and no program can set it back.
    isChanged = stat.ctimeNs >= takenAtNs || lstatNs(original).ctimeNs !== stat.ctimeNs;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return { outcome: "changed", differences: [`the original cannot be read: ${systemReason(error)}`] };
  }
  const differences = await differencesOf(restored, node, content, signal);
  if (differences.length === 0) return { outcome: "same", differences };
  return { outcome: isChanged ? "changed" : "differs", differences };
}

async function differencesOf(path: string, node: TreeNode, content: string, signal: AbortSignal): Promise<string[]> {
  try {
    const differences = metadataDifferences(path, node);
    if ((await hashOfFile(path, signal)) !== content) differences.push("content differs");
    return differences;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [`the restored file cannot be read: ${systemReason(error)}`];
  }
}

async function hashOfFile(path: string, signal: AbortSignal): Promise<string> {
  const file = await open(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash("sha256");
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
