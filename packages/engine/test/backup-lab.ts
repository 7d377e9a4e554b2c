/** What tests of whole runs need: repositories that cost no key derivation, folders to back up, and a plain reader of snapshots. */
import { createCipheriv, createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  type Backend,
  type ByteSource,
  bytesSource,
  type CallOptions,
  FILE_TYPES,
  type FileKey,
  type FileType,
  ForwardingBackend,
  loadBytes,
  type SaveOptions,
} from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { afterAll } from "vitest";
import { Backup } from "../src/backup/backup.ts";
import type { BackupEvent, BackupOptions, BackupResult } from "../src/backup/options.ts";
import { NO_RULES } from "../src/backup/selection.ts";
import { Check } from "../src/check/check.ts";
import type { CheckOptions, CheckResult } from "../src/check/options.ts";
import type { Id } from "../src/format/id.ts";
import { decodePackHeader, sealedHeaderBytes } from "../src/format/pack-header.ts";
import { BlobReader } from "../src/repository/blob-reader.ts";
import { createRepository } from "../src/repository/create.ts";
import { loadIndex } from "../src/repository/load-index.ts";
import { Repository } from "../src/repository/repository.ts";
import { listSnapshots } from "../src/repository/snapshots.ts";
import { TreeReader } from "../src/repository/tree-reader.ts";

/** Costs of a key derivation that takes no time. */
export const CHEAP_KDF = { N: 2, r: 1, p: 1 } as const;

export const NEVER: AbortSignal = new AbortController().signal;

/** An empty repository in memory, or in the backend that is given. */
export function newRepository(backend: Backend = new MemoryBackend()): Promise<Repository> {
  return createRepository(backend, new Secret("lab"), {
    signal: NEVER,
    hostname: "lab",
    username: "tester",
    kdf: CHEAP_KDF,
  });
}

/** The same repository seen through another backend, such as one that fails. */
export function through(repository: Repository, backend: Backend): Repository {
  const { config, masterKey, keyId } = repository;
  return new Repository({ backend, config, masterKey, keyId });
}

/** Options of a small backup: one worker, packs of 32 KiB, everything compared with the newest snapshot. */
export function backupOptions(targets: readonly string[], changes: Partial<BackupOptions> = {}): BackupOptions {
  return {
    targets,
    cwd: "/",
    hostname: "lab",
    username: "tester",
    uid: 0,
    gid: 0,
    tags: [],
    excludes: [],
    parent: { kind: "auto", groupBy: ["host", "paths"] },
    rules: NO_RULES,
    reading: { withAtime: false, ignoreInode: false, ignoreCtime: false },
    compression: "auto",
    packSizeBytes: 32 * 1024,
    workers: 1,
    scan: false,
    skipIfUnchanged: false,
    dryRun: false,
    programVersion: "lab",
    signal: NEVER,
    onEvent: () => {},
    ...changes,
  };
}

export function backUp(
  repository: Repository,
  targets: readonly string[],
  changes: Partial<BackupOptions> = {},
): Promise<BackupResult> {
  return new Backup(repository, backupOptions(targets, changes)).run();
}

/** Keeps the problems that a backup reports. */
export function problemsInto(problems: string[]): (event: BackupEvent) => void {
  return (event) => {
    if (event.kind === "problem") problems.push(`${event.problem.code} ${event.problem.path}`);
  };
}

/** A check that reads everything. */
export function check(repository: Repository, changes: Partial<CheckOptions> = {}): Promise<CheckResult> {
  return new Check(repository, {
    readData: { kind: "all" },
    workers: 1,
    signal: NEVER,
    onFinding: () => {},
    ...changes,
  }).run();
}

/** One line a path: what it is, and a hash of its content. */
export type Content = Record<string, string>;

/** What a snapshot holds below a folder of it, read blob by blob. @throws what damage throws */
export async function contentOfSnapshot(repository: Repository, tree: Id, below: string): Promise<Content> {
  const blobs = new BlobReader(repository, await loadIndex(repository, { signal: NEVER }));
  return contentOfTree(blobs, new TreeReader(blobs), tree, below);
}

/** The same with readers that are there already. */
export async function contentOfTree(blobs: BlobReader, trees: TreeReader, tree: Id, below: string): Promise<Content> {
  const content: Content = {};
  const walk = async (id: Id, path: string): Promise<void> => {
    for (const node of await trees.load(id, { signal: NEVER })) {
      const at = `${path}/${node.name}`;
      const shown = at.startsWith(`${below}/`) ? at.slice(below.length) : undefined;
      if (node.type === "dir" && node.subtree !== undefined) await walk(node.subtree, at);
      if (shown === undefined) continue;
      if (node.type === "file") {
        const parts = await Promise.all(
          (node.content ?? []).map((part) => blobs.load("data", part, { signal: NEVER })),
        );
        content[shown] = `file ${node.size} ${digest(Buffer.concat(parts))}`;
      } else content[shown] = node.type === "symlink" ? `symlink ${node.linkTarget}` : node.type;
    }
  };
  await walk(tree, "");
  return content;
}

/** The same of a folder on disk. */
export function contentOfFolder(folder: string, path = ""): Content {
  const content: Content = {};
  for (const name of readdirSync(join(folder, path))) {
    const at = `${path}/${name}`;
    const full = join(folder, at);
    const stat = lstatSync(full);
    if (stat.isDirectory()) Object.assign(content, { [at]: "dir" }, contentOfFolder(folder, at));
    else if (stat.isSymbolicLink()) content[at] = `symlink ${readlinkSync(full)}`;
    else content[at] = `file ${stat.size} ${digest(readFileSync(full))}`;
  }
  return content;
}

/** The content of the newest snapshot below a folder. */
export async function contentOfLatest(repository: Repository, below: string): Promise<Content> {
  const newest = (await listSnapshots(repository, { signal: NEVER })).at(-1);
  if (newest === undefined) throw new Error("there is no snapshot");
  return contentOfSnapshot(repository, newest.snapshot.tree, below);
}

/** Names of all files of a type. */
export async function namesOf(backend: Backend, type: FileType): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of backend.list(type, { signal: NEVER })) names.push(name);
  return names.sort();
}

/** Every blob of every pack, by the packs' own headers: `type id`, as often as it is stored. */
export async function storedBlobs({ backend, sealer }: Repository): Promise<string[]> {
  const blobs: string[] = [];
  for (const name of await namesOf(backend, "pack")) {
    const bytes = await loadBytes(backend, { type: "pack", name }, undefined, { signal: NEVER });
    const end = bytes.length - 4;
    const header = sealer.open(bytes.subarray(end - sealedHeaderBytes(bytes.subarray(end), bytes.length), end));
    for (const { type, id } of decodePackHeader(header)) blobs.push(`${type} ${id}`);
  }
  return blobs.sort();
}

/** A copy of everything that a backend holds. */
export async function copyOf(backend: Backend): Promise<MemoryBackend> {
  const copy = new MemoryBackend();
  for (const type of FILE_TYPES) {
    for await (const { name } of backend.list(type, { signal: NEVER })) {
      const bytes = await loadBytes(backend, { type, name }, undefined, { signal: NEVER });
      await copy.save({ type, name }, bytesSource(bytes), { signal: NEVER });
    }
  }
  return copy;
}

/** Writes down which calls are made, in order. */
export class RecordingBackend extends ForwardingBackend {
  readonly saves: FileKey[] = [];
  readonly removes: FileKey[] = [];

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    this.saves.push(key);
    return super.save(key, body, options);
  }

  override remove(key: FileKey, options: CallOptions): Promise<void> {
    this.removes.push(key);
    return super.remove(key, options);
  }
}

/** A folder of its own for the test file, removed at its end. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-lab-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files by path below a folder, making folders as needed. */
export function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(sizeBytes: number, seed: number): Uint8Array {
  // A keystream is as good as random bytes, and repeatable.
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  return new Uint8Array(cipher.update(Buffer.alloc(sizeBytes)));
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
