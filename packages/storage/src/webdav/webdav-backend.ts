/**
 * A repository in a folder of a WebDAV server, laid out as a local one. A file is uploaded under a temporary name and then
 * moved to its own, as few servers make an upload visible at one stroke.
 */
import { mapConcurrent, messageOf } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  LoadOptions,
  SaveOptions,
} from "../backend.ts";
import { loadNothing } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { type HttpAddress, authorizationOf } from "../http/http-address.ts";
import { httpSettings } from "../http/http-settings.ts";
import { isForLoading, loadBody, rangeHeader } from "../http/read-body.ts";
import { RESTIC_FILE_TYPES, assertRange, folderOf, isFileName, pathOf } from "../keys.ts";
import type { Surroundings } from "../location.ts";
import { wholeNumberOption } from "../options.ts";
import { temporaryFor } from "../temporary-names.ts";
import { type DavEntry, WebdavCalls, type WebdavOptions, isSuccess, parseHttpDate } from "./webdav-calls.ts";

const DEFAULT_CONNECTIONS = 8;
const MOST_CONNECTIONS = 32;
/** How long clearing up after an aborted upload may take. */
const CLEAR_UP_MS = 5000;
/** Folders of packs that are listed at once. */
const FOLDERS_AT_ONCE = 8;

export class WebdavBackend implements Backend {
  readonly location: string;
  readonly capabilities: Capabilities;
  readonly #calls: WebdavCalls;
  readonly #turns = new Map<string, Promise<void>>();

  constructor(options: WebdavOptions) {
    this.#calls = new WebdavCalls(options);
    this.location = this.#calls.location;
    this.capabilities = {
      // Servers look whether there is something, remove it, and move: others may come between.
      atomicReplace: false,
      conditionalPut: false,
      serverTime: false,
      maxConcurrency: options.connections ?? DEFAULT_CONNECTIONS,
      ...(options.connections === undefined ? { mostConcurrency: MOST_CONNECTIONS } : {}),
      settleMs: 0,
    };
  }

  async initialize({ signal }: CallOptions): Promise<void> {
    await this.#calls.makeRoot({ signal });
    const folders = RESTIC_FILE_TYPES.filter((type) => type !== "config").map((type) => `${folderOf(type)}/`);
    for (const folder of folders) await this.#calls.makeFolder(folder, { signal });
  }

  async save(key: FileKey, source: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    const path = pathOf(key);
    signal.throwIfAborted();
    const exists = (): Error => storageError("STORAGE_EXISTS", { location: this.location, ...key });
    if (ifAbsent && (await this.stat(key, { signal })) !== undefined) throw exists();
    const temporary = temporaryFor(path);
    try {
      await this.#upload(temporary, key, source, { signal });
      const status = await this.#inTurn(path, () => this.#calls.move(temporary, path, !ifAbsent, { signal }));
      if (status === 412) throw exists();
    } catch (error) {
      await this.#clearUp(temporary);
      throw error;
    }
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const path = pathOf(key);
    assertRange(range);
    const { signal } = options;
    signal.throwIfAborted();
    if (range?.length === 0) return loadNothing(this, key, range, consume, { signal });
    const wanted = { location: this.location, key, range };
    const headers = range === undefined ? {} : { Range: rangeHeader(range) };
    return this.#calls.call({ method: "GET", path, headers, signal }, async (answer) => {
      if (answer.status === 404) throw this.#notFound(key);
      if (!isForLoading(answer)) {
        throw await this.#calls.refused(answer, path);
      }
      return loadBody(answer, wanted, consume, options);
    });
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const path = pathOf(key);
    signal.throwIfAborted();
    return this.#calls.call({ method: "HEAD", path, signal }, async (answer) => {
      if (answer.status === 404) return undefined;
      if (!isSuccess(answer)) throw await this.#calls.refused(answer, path);
      const sizeBytes = answer.contentLength ?? (await this.#sizeOf(path, { signal }));
      if (sizeBytes === undefined) return undefined;
      return fileInfo(key.name, sizeBytes, parseHttpDate(answer.header("last-modified")));
    });
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncGenerator<FileInfo> {
    signal.throwIfAborted();
    if (type === "config") {
      const info = await this.stat({ type, name: "" }, { signal });
      if (info !== undefined) yield info;
      return;
    }
    const folder = `${folderOf(type)}/`;
    const entries = await this.#calls.entries(folder, { signal });
    if (entries === undefined) {
      // Our own folders are made when they are needed.
      if (!RESTIC_FILE_TYPES.includes(type)) return;
      throw storageError("STORAGE_NO_PLACE", { location: this.location, what: folder });
    }
    if (type !== "pack") {
      for (const info of filesOf(entries, (name) => isFileName(type, name))) {
        yield info;
        signal.throwIfAborted();
      }
      return;
    }
    const prefixes = entries
      .filter(({ name, isFolder }) => isFolder && /^[0-9a-f]{2}$/.test(name))
      .map(({ name }) => name);
    for (let first = 0; first < prefixes.length; first += FOLDERS_AT_ONCE) {
      const lot = prefixes.slice(first, first + FOLDERS_AT_ONCE);
      for (const info of (await mapConcurrent(lot, lot.length, this.#packsOf.bind(this), { signal })).flat()) {
        yield info;
        signal.throwIfAborted();
      }
    }
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    const path = pathOf(key);
    signal.throwIfAborted();
    await this.#calls.call({ method: "DELETE", path, signal }, async (answer) => {
      if (answer.status === 404) throw this.#notFound(key);
      if (!isSuccess(answer)) throw await this.#calls.refused(answer, path);
    });
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  /** Apache's answer to HEAD does not tell an empty file's size. */
  async #sizeOf(path: string, { signal }: CallOptions): Promise<number | undefined> {
    const [entry] = (await this.#calls.entries(path, { signal, depth: "0" })) ?? [];
    return entry?.sizeBytes;
  }

  /** Servers lock a name while something is moved to it: whoever saves the same one here waits for the one before. */
  async #inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(path) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.#turns.set(path, settled);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(path) === settled) this.#turns.delete(path);
    }
  }

  async #packsOf(prefix: string, signal: AbortSignal): Promise<FileInfo[]> {
    const entries = (await this.#calls.entries(`${folderOf("pack")}/${prefix}/`, { signal })) ?? [];
    return [...filesOf(entries, (name) => isFileName("pack", name) && name.startsWith(prefix))];
  }

  /** Never makes the repository's own folder: where a disk is not mounted, nothing shall grow in its place. */
  async #upload(path: string, key: FileKey, source: ByteSource, { signal }: CallOptions): Promise<void> {
    if (isSuccess({ status: await this.#calls.put(path, key, source, { signal }) })) return;
    const folders = path.split("/").slice(0, -1);
    let failure: Error | undefined;
    for (let depth = 1; depth <= folders.length; depth++) {
      await this.#calls.makeFolder(`${folders.slice(0, depth).join("/")}/`, { signal }).catch((error: unknown) => {
        // Another may be making the same folder, of which servers think differently: the upload will tell.
        signal.throwIfAborted();
        failure = error instanceof Error ? error : new Error(messageOf(error));
      });
    }
    if (isSuccess({ status: await this.#calls.put(path, key, source, { signal }) })) return;
    if (failure !== undefined) throw failure;
    throw storageError("STORAGE_NO_PLACE", {
      location: this.location,
      what: folders.length === 0 ? "the folder" : path,
    });
  }

  /** As far as that succeeds: no listing takes what is left for a file of the repository. */
  async #clearUp(path: string): Promise<void> {
    await this.#calls.status({ method: "DELETE", path, signal: AbortSignal.timeout(CLEAR_UP_MS) }).catch(() => {});
  }

  #notFound(key: FileKey): Error {
    return storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
  }
}

function* filesOf(entries: readonly DavEntry[], isOurs: (name: string) => boolean): Generator<FileInfo> {
  const seen = new Set<string>();
  for (const { name, isFolder, sizeBytes, modifiedAtMs } of entries) {
    if (isFolder || sizeBytes === undefined || !isOurs(name) || seen.has(name)) continue;
    seen.add(name);
    yield fileInfo(name, sizeBytes, modifiedAtMs);
  }
}

function fileInfo(name: string, sizeBytes: number, receivedAtMs: number | undefined): FileInfo {
  return receivedAtMs === undefined ? { name, sizeBytes } : { name, sizeBytes, receivedAtMs };
}

/** Connects to nothing yet. @throws STORAGE_INVALID_OPTION */
export async function openWebdav(address: HttpAddress, surroundings: Surroundings): Promise<WebdavBackend> {
  const user = surroundings.variable("HOLDFAST_WEBDAV_USERNAME");
  const password = surroundings.variable("HOLDFAST_WEBDAV_PASSWORD");
  const connections = wholeNumberOption("webdav.connections", surroundings, { least: 1, most: 256 });
  return new WebdavBackend({
    address,
    settings: await httpSettings(surroundings),
    authorization: authorizationOf(address, { user, password }),
    ...(connections === undefined ? {} : { connections }),
  });
}
