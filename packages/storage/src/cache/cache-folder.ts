/**
 * Copies of small, often read files of one repository on the local disk: `<folder>/<repository id>/{snapshots,index,data/xx}`.
 * Disposable: whatever is missing, cut short or damaged is read from the repository again.
 *
 * Files of the cache are named by the SHA-256 of their content, which is checked before the first use in this process. Small
 * reads are synchronous: they are many, the disk is a local one, and a hop to the thread pool takes ten times as long.
 */
import { hash } from "node:crypto";
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "@holdfast/base";
import type { ByteRange, CallOptions, FileKey, FileType } from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";
import { assertKey, folderOf, isFileName, pathOf } from "../keys.ts";
import { namesIn } from "../local/folder-names.ts";
import { isTemporaryName, temporaryFor } from "../temporary-names.ts";

/** The types that a cache may hold. Their names are the hashes of their content, and they never change. */
export type CachedType = "snapshot" | "index" | "pack";

/** A file of such a type. */
export interface CachedKey extends FileKey {
  readonly type: CachedType;
}

/** The standard mark that backup programs honour (bford.info/cachedir), so that caches are not backed up. */
const CACHEDIR_TAG =
  "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of Holdfast; it may be deleted.\n";

/** Larger files get no copy, as they are held in memory on their way. More than the largest pack that restic makes. */
export const MAX_CACHED_BYTES = 160 * 1024 * 1024;

/** Reads up to this size are synchronous. */
const SYNC_BYTES = 256 * 1024;

const HOUR_MS = 60 * 60 * 1000;

export class CacheFolder {
  readonly #root: string;
  readonly #clock: Clock;
  /** Sizes of the files whose content was found to be right. */
  readonly #verified = new Map<string, number>();

  private constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /**
   * Makes the folder ready. Several processes may use it at once.
   * @param path the folder of all caches
   * @param repositoryId the id in the repository's config, 64 hex digits
   * @throws STORAGE_INVALID_NAME, and system errors as they are
   */
  static async open(path: string, repositoryId: string, clock: Clock = systemClock): Promise<CacheFolder> {
    // The id becomes part of a path; it has the form of a file name of the repository.
    assertKey({ type: "snapshot", name: repositoryId });
    const root = join(path, repositoryId);
    await mkdir(root, { recursive: true, mode: 0o700 });
    await writeFile(join(path, "CACHEDIR.TAG"), CACHEDIR_TAG, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    return new CacheFolder(root, clock);
  }

  /** The size of a file whose copy was found to be right in this process; needs no disk. */
  verifiedSize(key: CachedKey): number | undefined {
    return this.#verified.get(key.name);
  }

  /** Reads and hashes the copy of a file. True when it is whole and right; a wrong one is removed. */
  async verify(key: CachedKey): Promise<boolean> {
    const path = this.#path(key);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined || !facts.isFile()) return false;
    const bytes = facts.size > MAX_CACHED_BYTES ? undefined : await readFile(path).catch(() => undefined);
    if (bytes === undefined || hash("sha256", bytes, "hex") !== key.name) {
      await this.drop(key);
      return false;
    }
    this.#verified.set(key.name, bytes.length);
    return true;
  }

  /** Reads from a copy with a `verifiedSize`; `undefined` when it has vanished or got shorter since. */
  async read(key: CachedKey, { offset, length }: ByteRange): Promise<Uint8Array | undefined> {
    const size = this.#verified.get(key.name);
    const bytes = Buffer.allocUnsafeSlow(length);
    try {
      const fd = openSync(this.#path(key), "r");
      try {
        const count = length > SYNC_BYTES ? await readAsync(fd, bytes, offset) : readSync(fd, bytes, 0, length, offset);
        if (count === length && fstatSync(fd).size === size) return bytes;
      } finally {
        closeSync(fd);
      }
    } catch {
      // A copy that cannot be read is no copy.
    }
    this.#verified.delete(key.name);
    return undefined;
  }

  /**
   * Keeps a copy, under its name only once it is whole. Returns false, and keeps nothing, when the content is not what the
   * name says. @throws system errors as they are
   */
  async write(key: CachedKey, bytes: Uint8Array): Promise<boolean> {
    if (hash("sha256", bytes, "hex") !== key.name) return false;
    const path = this.#path(key);
    const temporary = temporaryFor(path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await writeFile(temporary, bytes, { flag: "wx", mode: 0o600 });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
    this.#verified.set(key.name, bytes.length);
    return true;
  }

  /** Forgets a file, whether or not there is a copy. */
  async drop(key: CachedKey): Promise<void> {
    this.#verified.delete(key.name);
    await unlink(this.#path(key)).catch(() => {});
  }

  /**
   * Removes the copies of one type that the repository no longer has, and temporary files that killed runs left behind.
   * Returns how many it removed. @throws system errors as they are
   */
  async prune(type: CachedType, isKnown: (name: string) => boolean, { signal }: CallOptions): Promise<number> {
    let removed = 0;
    const before = this.#clock.nowMs() - HOUR_MS;
    for await (const path of this.#files(type)) {
      signal.throwIfAborted();
      const name = path.slice(path.lastIndexOf("/") + 1);
      const isStale = isFileName(type, name)
        ? !isKnown(name)
        : isTemporaryName(name) && ((await stat(path).catch(() => undefined))?.mtimeMs ?? before) < before;
      if (!isStale) continue;
      this.#verified.delete(name);
      await rm(path, { force: true });
      removed++;
    }
    return removed;
  }

  async *#files(type: FileType): AsyncGenerator<string> {
    const folder = join(this.#root, folderOf(type));
    for await (const name of namesIn(folder)) {
      if (type !== "pack") yield join(folder, name);
      else for await (const pack of namesIn(join(folder, name))) yield join(folder, name, pack);
    }
  }

  #path(key: CachedKey): string {
    return join(this.#root, pathOf(key));
  }
}

function readAsync(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
