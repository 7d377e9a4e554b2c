/** The chunks of a file in the parent snapshot, as far as a new snapshot may name them without reading the file. */
import { posix } from "node:path";
import { messageOf } from "@holdfast/base";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { type Id, idToBytes } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { FormerChunk } from "./splice-plan.ts";

export interface Former {
  /** Of the parent snapshot; `undefined` when there is none. */
  readonly tree: Id | undefined;
  readonly loadTree: (id: Id) => Promise<TreeNode[]>;
  readonly index: BlobIndex;
  readonly signal: AbortSignal;
}

/** @returns the chunks, or why they cannot be built upon */
export async function formerChunks(former: Former, path: string): Promise<FormerChunk[] | string> {
  let node: TreeNode | undefined;
  try {
    node = await nodeAt(former, posix.resolve("/", path).split("/").slice(1));
  } catch (error) {
    former.signal.throwIfAborted();
    return `the snapshot before cannot be read: ${messageOf(error)}`;
  }
  if (node === undefined) return "the snapshot before does not have it";
  if (node.type !== "file" || node.content === null) return "it was no file in the snapshot before";
  const chunks: FormerChunk[] = [];
  let total = 0;
  for (const id of node.content) {
    const found = former.index.find("data", idToBytes(id), 0);
    if (found === undefined) return `the repository has lost a part of it, blob ${id}`;
    const { uncompressedBytes, lengthBytes } = found;
    const sizeBytes = uncompressedBytes > 0 ? uncompressedBytes : lengthBytes - SEAL_OVERHEAD;
    chunks.push({ id, sizeBytes });
    total += sizeBytes;
  }
  return total === node.size
    ? chunks
    : `its parts in the snapshot before have ${total} bytes, where it had ${node.size}`;
}

async function nodeAt({ tree, loadTree }: Former, names: readonly string[]): Promise<TreeNode | undefined> {
  let at = tree;
  let node: TreeNode | undefined;
  for (const name of names) {
    if (at === undefined) return undefined;
    node = (await loadTree(at)).find((each) => each.name === name);
    at = node?.type === "dir" ? node.subtree : undefined;
  }
  return node;
}
