/** Compares files that were put in place with those that were captured: kind, content, owner, mode, links and attributes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import { type TreeNode, fsPath, lstatNs, readNode } from "@holdfast/engine";
import type { CallOptions } from "../../contract/source.ts";

export interface ComparedFiles {
  readonly same: number;
  /** `path: what differs`, in the order of the paths. */
  readonly differences: readonly string[];
}

/** @param expected a folder, in which each of the paths is @param actual the root in which they should be, too */
export async function compareFiles(
  paths: readonly string[],
  { expected, actual }: { expected: string; actual: string },
  { signal }: CallOptions,
): Promise<ComparedFiles> {
  const differences: string[] = [];
  for (const path of paths) {
    signal.throwIfAborted();
    const difference = await differenceOf(`${expected}${path}`, `${actual}${path}`);
    if (difference !== undefined) differences.push(`${path}: ${difference}`);
  }
  return { same: paths.length - differences.length, differences };
}

async function differenceOf(expected: string, actual: string): Promise<string | undefined> {
  const before = nodeAt(expected) as TreeNode;
  const after = nodeAt(actual);
  if (after === undefined) return "is not there";
  if (before.type !== after.type) return `is of type ${after.type}, was ${before.type}`;
  if (before.uid !== after.uid || before.gid !== after.gid) {
    return `belongs to ${after.uid}:${after.gid}, was of ${before.uid}:${before.gid}`;
  }
  if (before.type === "symlink") {
    return before.linkTarget === after.linkTarget
      ? undefined
      : `leads to ${after.linkTarget}, was to ${before.linkTarget}`;
  }
  if (before.mode !== after.mode) return `has mode ${after.mode.toString(8)}, had ${before.mode.toString(8)}`;
  if (attributes(before) !== attributes(after)) return "has other extended attributes";
  if (before.type !== "file") return undefined;
  if (before.size !== after.size) return `has ${after.size} bytes, had ${before.size}`;
  return (await hash(expected)) === (await hash(actual)) ? undefined : "has another content";
}

function nodeAt(path: string): TreeNode | undefined {
  try {
    return readNode(path, posix.basename(path), lstatNs(path), { withAtime: false }).node;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Only a kernel's own administrator may set these, which a rebuild in a root of its own is not. */
const OF_THE_KERNEL = /^(trusted\.|security\.(?!capability$))/;

function attributes({ extendedAttributes }: TreeNode): string {
  const compared = extendedAttributes.filter(({ name }) => !OF_THE_KERNEL.test(name));
  const shown = compared.map(({ name, value }) => `${name}=${Buffer.from(value).toString("base64")}`);
  return shown.sort().join("\n");
}

async function hash(path: string): Promise<string> {
  const digest = createHash("sha256");
  for await (const chunk of createReadStream(fsPath(path), { highWaterMark: 1024 * 1024 }))
    digest.update(chunk as Uint8Array);
  return digest.digest("hex");
}
