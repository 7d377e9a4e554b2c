/** What tests of restores need: made-up snapshots that are restored into folders of their own, and a look at what came out. */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Backend,
  type ByteRange,
  type CallOptions,
  type FileKey,
  ForwardingBackend,
  loadBytes,
  bytesSource,
} from "@holdfast/storage";
import { afterAll } from "vitest";
import { idToBytes, type BlobType, type Id } from "../src/format/id.ts";
import type { TreeNode } from "../src/format/node.ts";
import { Repository } from "../src/repository/repository.ts";
import { Restore, type RestoreOptions, type RestoreResult } from "../src/restore/restore.ts";
import { Author, newRepository, signal } from "./made-repository.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder, removed after the tests. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-restore-"));
  folders.push(folder);
  return folder;
}

/** A repository with one tree. */
export interface Made {
  readonly author: Author;
  readonly root: Id;
}

export async function made(build: (author: Author) => Promise<readonly TreeNode[]>): Promise<Made> {
  const author = new Author(newRepository());
  const root = await author.tree(await build(author));
  await author.finish();
  return { author, root };
}

/** Restores with one worker, so that tests are quick. */
export function restore(
  { author, root }: Pick<Made, "author"> & { root: Id | TreeNode },
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreResult> {
  return new Restore(author.repository, author.index, root, { target, workers: 1, signal, ...options }).run();
}

/** Everything below a folder: a path with what it is; the content of files, the target of links. */
export function look(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  // Not readdir's own recursion, which follows links to folders.
  const visit = (path: string): void => {
    for (const name of readdirSync(join(folder, path)).toSorted()) {
      const below = path === "" ? name : `${path}/${name}`;
      const stat = lstatSync(join(folder, below));
      if (stat.isSymbolicLink()) found[below] = `-> ${readlinkSync(join(folder, below))}`;
      else if (stat.isFile()) found[below] = readFileSync(join(folder, below), "utf8");
      else found[below] = stat.isDirectory() ? "(folder)" : "(special)";
      if (stat.isDirectory()) visit(below);
    }
  };
  visit("");
  return found;
}

/** Problems without their reasons. */
export function codes({ problems }: RestoreResult): string[] {
  return problems.map(({ code, path }) => `${code} ${path}`).toSorted();
}

/** Changes one byte of a stored copy of a blob. */
export async function damage({ repository, index }: Author, type: BlobType, id: Id, copy = 0): Promise<void> {
  const place = index.findAll(type, idToBytes(id), 0)[copy];
  if (place === undefined) throw new Error("there is no such copy");
  const key = { type: "pack", name: index.packId(place.pack) } as const;
  const bytes = await loadBytes(repository.backend, key, undefined, { signal });
  const at = place.offset + Math.floor(place.lengthBytes / 2);
  bytes[at] = (bytes[at] as number) ^ 1;
  await repository.backend.save(key, bytesSource(bytes), { signal });
}

/** A backend that tells which ranges of packs are read, and lets reads wait. */
export class WatchedBackend extends ForwardingBackend {
  readonly reads: { name: string; offset: number; length: number }[] = [];
  before: () => Promise<void> = () => Promise.resolve();

  override async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: CallOptions,
  ): Promise<T> {
    if (key.type === "pack" && range !== undefined) this.reads.push({ name: key.name, ...range });
    await this.before();
    options.signal.throwIfAborted();
    return super.load(key, range, consume, options);
  }
}

/** The same repository seen through a watched backend. */
export function watched(repository: Repository): { repository: Repository; backend: WatchedBackend } {
  const backend = new WatchedBackend(repository.backend satisfies Backend);
  const { config, masterKey, keyId } = repository;
  return { repository: new Repository({ backend, config, masterKey, keyId }), backend };
}
