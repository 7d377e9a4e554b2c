/** Repositories for tests, in memory and without a password, and a way to store any trees in them. */
import { MemoryBackend } from "@holdfast/storage/testing";
import { newMasterKey } from "../src/crypto/master-key.ts";
import { parseId, type BlobType, type Id } from "../src/format/id.ts";
import { encodeNode, type TreeNode } from "../src/format/node.ts";
import type { SnapshotFields } from "../src/format/snapshot.ts";
import { TreeEncoder } from "../src/format/tree.ts";
import { BlobIndex } from "../src/index/blob-index.ts";
import { BlobWriter } from "../src/repair/blob-writer.ts";
import { Repository } from "../src/repository/repository.ts";
import { saveSnapshot } from "../src/repository/snapshots.ts";

export const { signal } = new AbortController();

export function newRepository(version: 1 | 2 = 2): Repository {
  return new Repository({
    backend: new MemoryBackend(),
    config: { version, id: parseId("cd".repeat(32)), chunkerPolynomial: 0x3da3358b4dc173n },
    masterKey: newMasterKey(),
    keyId: parseId("ef".repeat(32)),
  });
}

/** A node with plain values, changed by `fields`. */
export function node(name: string, fields: Partial<TreeNode> = {}): TreeNode {
  const type = fields.type ?? "file";
  return {
    name,
    type,
    mode: type === "dir" ? 0o755 : 0o644,
    mtimeNs: 1_700_000_000_123_456_789n,
    atimeNs: 1_700_000_000_123_456_789n,
    ctimeNs: 1_700_000_000_123_456_789n,
    uid: 0,
    gid: 0,
    user: "root",
    group: "root",
    inode: 1n,
    deviceId: 1n,
    size: 0,
    links: 1,
    linkTarget: "",
    extendedAttributes: [],
    device: 0n,
    content: type === "file" ? [] : null,
    subtree: undefined,
    error: "",
    genericAttributes: undefined,
    ...fields,
  };
}

/** Stores blobs, trees and snapshots as tests describe them. */
export class Author {
  readonly repository: Repository;
  readonly index = BlobIndex.create();
  readonly #writer: BlobWriter;

  constructor(repository: Repository) {
    this.repository = repository;
    this.#writer = new BlobWriter(repository, this.index, { signal });
  }

  /** A file of these pieces, each a blob. */
  async file(
    name: string,
    pieces: readonly (string | Uint8Array)[],
    fields: Partial<TreeNode> = {},
  ): Promise<TreeNode> {
    const content: Id[] = [];
    let size = 0;
    for (const piece of pieces) {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
      content.push(await this.#writer.put("data", bytes));
      size += bytes.length;
    }
    return node(name, { content, size, ...fields });
  }

  /** A folder of these nodes, in this order. */
  async folder(name: string, nodes: readonly TreeNode[], fields: Partial<TreeNode> = {}): Promise<TreeNode> {
    return node(name, { type: "dir", subtree: await this.tree(nodes), ...fields });
  }

  tree(nodes: readonly TreeNode[]): Promise<Id> {
    const encoder = new TreeEncoder();
    for (const each of nodes) encoder.append(encodeNode(each));
    return this.#writer.put("tree", encoder.finish());
  }

  /** A blob of any bytes. */
  raw(type: BlobType, bytes: Uint8Array): Promise<Id> {
    return this.#writer.put(type, bytes);
  }

  /** Writes all that is still in memory. */
  finish(): Promise<void> {
    return this.#writer.finish();
  }

  snapshot(tree: Id, fields: Partial<SnapshotFields> = {}): Promise<Id> {
    return saveSnapshot(this.repository, { ...SNAPSHOT, tree, ...fields }, { signal });
  }
}

const SNAPSHOT = {
  time: "2026-01-01T00:00:00Z",
  parent: undefined,
  paths: ["/data"],
  hostname: "box",
  username: "ann",
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
  original: undefined,
  programVersion: "holdfast 0",
  summary: undefined,
} as const;
