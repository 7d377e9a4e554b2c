/**
 * A repository in a local folder, laid out as restic's local backend does, so that either program can use it. Also for mounted
 * network shares: what a file system lacks (flushing, modes, hard links) is done without, what it refuses is an error.
 */
import { dirname, join, resolve } from "node:path";
import { systemCode } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  ListBatches,
  LoadOptions,
  MovableType,
  MoveOptions,
  PeekFile,
  SaveOptions,
} from "../backend.ts";
import { storageError } from "../errors.ts";
import { RESTIC_FILE_TYPES, assertKey, assertRange, folderOf, pathOf } from "../keys.ts";
import { type FileCalls, systemCalls } from "./file-calls.ts";
import type { FileThreads } from "./file-threads.ts";
import { ignoreMissing } from "./folder-names.ts";
import { fileInfo, listFiles } from "./list-files.ts";
import { moveFiles } from "./move-files.ts";
import { readFile } from "./read-file.ts";
import { saveFile, syncFolder } from "./save-file.ts";
import { settleMsOf } from "./settling.ts";
import { fromSystemError } from "./system-errors.ts";
import { BodyFailure, chunksOf } from "../body-failure.ts";

/** Bodies up to this size are stored as a whole by another thread, if there is one: that is cheaper than calls one by one. */
const SMALL_BYTES = 128 * 1024;

/** Modes of what is created: for the owner, and for the group as well when the group may read `config` (as restic does). */
interface Modes {
  readonly file: number;
  readonly folder: number;
}

export class LocalBackend implements Backend {
  readonly location: string;
  readonly #calls: FileCalls;
  readonly #threads: FileThreads | undefined;
  #hasHardLinks = true;
  #modes: Promise<Modes> | undefined;
  #settleMs: number | undefined;
  /** Which folder it was at the first write. */
  #folder: { readonly dev: number; readonly ino: number } | undefined;

  /** @param path the folder, absolute; see `openLocal` */
  constructor(path: string, calls: FileCalls = systemCalls, threads?: FileThreads) {
    this.location = path;
    this.#calls = calls;
    this.#threads = threads;
  }

  /** `conditionalPut` turns false once the file system has shown that it has no hard links. */
  get capabilities(): Capabilities {
    return {
      atomicReplace: true,
      conditionalPut: this.#hasHardLinks,
      serverTime: false,
      // The thread pool of Node has four threads.
      maxConcurrency: 4,
      settleMs: this.#settleMsOnce(),
    };
  }

  async initialize({ signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    const { folder: mode } = await this.#modesOnce();
    try {
      await this.#makeWithParents(this.location, mode);
      for (const type of RESTIC_FILE_TYPES) if (type !== "config") await this.#makeFolder(folderOf(type), mode);
      for (let prefix = 0; prefix < 256; prefix++) {
        signal.throwIfAborted();
        await this.#makeFolder(`${folderOf("pack")}/${prefix.toString(16).padStart(2, "0")}`, mode);
      }
      await syncFolder(this.#calls, join(this.location, folderOf("pack")));
      await syncFolder(this.#calls, this.location);
      // Whoever may create in the parent need not be allowed to read it.
      await syncFolder(this.#calls, dirname(this.location)).catch((error: unknown) => {
        if (systemCode(error) !== "EACCES") throw error;
      });
    } catch (error) {
      throw this.#wrap(error, this.location);
    }
  }

  async save(key: FileKey, body: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    const target = this.#path(key);
    signal.throwIfAborted();
    try {
      const threads = body.sizeBytes <= SMALL_BYTES ? this.#threads : undefined;
      // Spares writing what is there. To store a small file costs less than to look for it first: the end will tell.
      if (ifAbsent && threads === undefined && (await fileInfo(this.#calls, target, key.name)) !== undefined) {
        throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
      }
      const modes = await this.#modesOnce();
      if (this.#folder === undefined) await this.#noteFolder();
      const place = { location: this.location, target, key, fileMode: modes.file, ifAbsent };
      const bytes = threads === undefined ? undefined : await bytesOf(key, body, signal);
      const save = (): Promise<boolean> =>
        threads === undefined || bytes === undefined
          ? saveFile(this.#calls, { ...place, body }, { signal })
          : threads.save({ kind: "save", ...place, bytes });
      const isAtomic = await save().catch(async (error: unknown) => {
        if (systemCode(error) !== "ENOENT") throw error;
        await this.#makeFoldersFor(key, modes.folder);
        return save();
      });
      if (!isAtomic) this.#hasHardLinks = false;
    } catch (error) {
      throw this.#wrap(error, target);
    }
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const path = this.#path(key);
    assertRange(range);
    options.signal.throwIfAborted();
    return readFile(this.#calls, { location: this.location, path, key, range }, consume, options);
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      return await fileInfo(this.#calls, path, key.name);
    } catch (error) {
      throw this.#wrap(error, path);
    }
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncIterable<FileInfo> {
    try {
      yield* listFiles(this.#calls, this.location, type, { signal });
    } catch (error) {
      throw this.#wrap(error, join(this.location, folderOf(type)));
    }
  }

  get listBatches(): ListBatches | undefined {
    const threads = this.#threads;
    if (threads === undefined) return undefined;
    return (type, { signal }) => this.#batches(threads.list(this.location, type), type, signal);
  }

  async *#batches(
    batches: AsyncIterable<readonly FileInfo[]>,
    type: FileType,
    signal: AbortSignal,
  ): AsyncGenerator<readonly FileInfo[]> {
    try {
      signal.throwIfAborted();
      for await (const files of batches) {
        signal.throwIfAborted();
        yield files;
      }
    } catch (error) {
      throw this.#wrap(error, join(this.location, folderOf(type)));
    }
  }

  get peek(): PeekFile | undefined {
    const threads = this.#threads;
    if (threads === undefined) return undefined;
    return async (key, { range, maxBytes, signal }) => {
      const path = this.#path(key);
      assertRange(range);
      signal.throwIfAborted();
      try {
        return await threads.peek({ kind: "peek", path, name: key.name, range, maxBytes });
      } catch (error) {
        throw this.#wrap(error, path);
      }
    };
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    const path = this.#path(key);
    signal.throwIfAborted();
    try {
      await this.#calls.unlink(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw this.#wrap(error, path);
      throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key }, error);
    }
  }

  async move(from: MovableType, to: MovableType, names: readonly string[], options: MoveOptions): Promise<string[]> {
    for (const name of names) assertKey({ type: from, name });
    options.signal.throwIfAborted();
    // Where others write too, when a file came is for the server to say, whose clock may differ.
    if (names.length === 0 || this.#settleMsOnce() > 0) return [...names];
    const toFolder = join(this.location, folderOf(to));
    try {
      const { folder: mode } = await this.#modesOnce();
      if ((await this.#calls.stat(toFolder).catch(ignoreMissing)) === undefined) {
        await this.#makeFoldersFor({ type: to, name: "" }, mode);
      }
      const fromFolder = join(this.location, folderOf(from));
      return await moveFiles(this.#calls, { fromFolder, toFolder, names }, options);
    } catch (error) {
      throw this.#wrap(error, toFolder);
    }
  }

  async close(): Promise<void> {}

  #path(key: FileKey): string {
    return join(this.location, pathOf(key));
  }

  #wrap(error: unknown, path: string): unknown {
    if (error instanceof BodyFailure) return error.cause;
    return fromSystemError(error, { location: this.location, path }) ?? error;
  }

  /** Never makes the repository's own folder: where a disk is not mounted, nothing shall grow in its mount point. */
  async #makeFoldersFor(key: FileKey, mode: number): Promise<void> {
    await this.#assertSameFolder();
    if (key.type === "config") return;
    const folder = folderOf(key.type);
    if (folder.includes("/")) {
      await this.#makeFolder(dirname(folder), mode);
      await syncFolder(this.#calls, this.location);
    }
    await this.#makeFolder(folder, mode);
    if (folder.includes("/")) await syncFolder(this.#calls, join(this.location, dirname(folder)));
    if (key.type === "pack") {
      await this.#makeFolder(dirname(pathOf(key)), mode);
      await syncFolder(this.#calls, join(this.location, folderOf("pack")));
    }
    await syncFolder(this.#calls, this.location);
  }

  async #noteFolder(): Promise<void> {
    const { dev, ino } = await this.#calls.stat(this.location);
    this.#folder = { dev, ino };
  }

  /** That a disk was unmounted, or another one mounted in its place, while this was running. */
  async #assertSameFolder(): Promise<void> {
    const { dev, ino } = await this.#calls.stat(this.location);
    if (this.#folder === undefined || (this.#folder.dev === dev && this.#folder.ino === ino)) return;
    const reason = "it was unmounted, or replaced, while it was in use";
    throw storageError("STORAGE_NOT_MOUNTED", { location: this.location, reason });
  }

  /** One folder after the other: Node's own way to do so says "not found" on a read-only file system. */
  async #makeWithParents(path: string, mode: number): Promise<void> {
    try {
      await this.#make(path, mode);
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || dirname(path) === path) throw error;
      await this.#makeWithParents(dirname(path), mode);
      await this.#make(path, mode);
    }
  }

  #makeFolder(relative: string, mode: number): Promise<void> {
    return this.#make(join(this.location, relative), mode);
  }

  /** A folder that is there already is as good. */
  async #make(path: string, mode: number): Promise<void> {
    try {
      await this.#calls.mkdir(path, mode);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      if ((await this.#calls.stat(path)).isDirectory()) return;
      throw storageError("STORAGE_NOT_A_FOLDER", { location: this.location, path }, error);
    }
  }

  #settleMsOnce(): number {
    this.#settleMs ??= settleMsOf(this.#fileSystemType());
    return this.#settleMs;
  }

  /** 0, which is no file system's, when the folder is not there: the call that was to come will say so. */
  #fileSystemType(): number {
    try {
      return this.#calls.fileSystemType(this.location);
    } catch {
      return 0;
    }
  }

  #modesOnce(): Promise<Modes> {
    this.#modes ??= this.#calls.stat(join(this.location, "config")).then(
      (config) => ((config.mode & 0o040) === 0 ? { file: 0o400, folder: 0o700 } : { file: 0o440, folder: 0o770 }),
      // No config yet, or one that cannot be read, which the next load reports: closed to others until it says otherwise.
      () => ({ file: 0o400, folder: 0o700 }),
    );
    return this.#modes;
  }
}

/**
 * The repository in the folder `path` (made absolute). Touches nothing yet: whether a repository is there shows when its
 * `config` is loaded.
 * @param threads which do small works as a whole; for a process that does many at once
 */
export function openLocal(path: string, threads?: FileThreads): LocalBackend {
  return new LocalBackend(resolve(path), systemCalls, threads);
}

/** A small body as a whole. @throws BodyFailure, STORAGE_BODY_SIZE, the signal's reason */
async function bytesOf(key: FileKey, body: ByteSource, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = new Uint8Array(body.sizeBytes);
  let actual = 0;
  for await (const chunk of chunksOf(body)) {
    signal.throwIfAborted();
    if (actual + chunk.length <= bytes.length) bytes.set(chunk, actual);
    actual += chunk.length;
    if (actual > bytes.length) break;
  }
  signal.throwIfAborted();
  if (actual !== bytes.length) throw storageError("STORAGE_BODY_SIZE", { ...key, expected: bytes.length, actual });
  return bytes;
}
