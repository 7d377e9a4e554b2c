/** A repository on an SFTP server, laid out as restic's, so that either program can use it. */
import { posix } from "node:path";
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
import { storageError } from "../errors.ts";
import { assertRange, folderOf, pathOf } from "../keys.ts";
import { BodyFailure } from "../body-failure.ts";
import { abortable } from "./abortable.ts";
import type { Connector } from "./connection/connection.ts";
import { type Modes, makeFoldersFor, makeLayout, modesOf } from "./folders.ts";
import { fileInfo, listFiles } from "./list-files.ts";
import { EXTENSION } from "./protocol/sftp-calls.ts";
import { readFile } from "./read-file.ts";
import { explainedFailure } from "./room.ts";
import { saveFile } from "./save-file.ts";
import { SessionPool, type UseOptions } from "./session-pool.ts";
import { fromSftpError, isMissing } from "./sftp-errors.ts";
import type { SftpSession } from "./sftp-session.ts";

/** Calls share channels: what most of them do is to wait for an answer. */
const CALLS_PER_CHANNEL = 4;
const LEAST_CALLS = 8;

/** What a backend is made of. */
export interface SftpBackendOptions {
  /** For people and messages. */
  readonly location: string;
  /** The folder of the repository on the server, absolute or relative to the one that the server starts in. */
  readonly root: string;
  readonly connector: Connector;
  readonly maxChannels: number;
  readonly idleMs: number;
}

export class SftpBackend implements Backend {
  readonly location: string;
  readonly #root: string;
  readonly #pool: SessionPool;
  readonly #maxConcurrency: number;
  #replacesAtOnce = true;
  #decidesItself = true;
  #modes: Modes | undefined;

  constructor({ location, root, connector, maxChannels, idleMs }: SftpBackendOptions) {
    this.location = location;
    this.#root = root;
    this.#pool = new SessionPool(connector, { maxChannels, idleMs });
    this.#maxConcurrency = Math.max(LEAST_CALLS, maxChannels * CALLS_PER_CHANNEL);
  }

  /** `atomicReplace` and `conditionalPut` turn false once the server has shown that it lacks what they need. */
  get capabilities(): Capabilities {
    return {
      atomicReplace: this.#replacesAtOnce,
      conditionalPut: this.#decidesItself,
      // The clock is the server's, but whoever may write may also set the times of files.
      serverTime: false,
      maxConcurrency: this.#maxConcurrency,
      settleMs: 0,
    };
  }

  async initialize({ signal }: CallOptions): Promise<void> {
    await this.#use("write", this.#root, { signal }, async (session) => {
      const modes = await this.#modesOnce(session, signal);
      await makeLayout(session, { location: this.location, root: this.#root, mode: modes.folder }, { signal });
    });
  }

  async save(key: FileKey, body: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    const target = this.#path(key);
    await this.#use("write", target, { signal, bytes: body.sizeBytes }, async (session) => {
      const modes = this.#modesOnce(session, signal);
      modes.catch(() => {}); // whoever needs them hears of it
      const request = { location: this.location, target, key, body, modes, ifAbsent };
      const save = (): Promise<boolean> => saveFile(session, request, { signal });
      const isAtomic = await save().catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        const place = { location: this.location, root: this.#root, mode: (await modes).folder };
        await makeFoldersFor(session, key, place, { signal });
        return save();
      });
      if (!isAtomic) this.#decidesItself = false;
    });
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const path = this.#path(key);
    assertRange(range);
    const { location } = this;
    const bytes = range?.length ?? (key.type === "pack" ? Number.POSITIVE_INFINITY : 0);
    return this.#use("read", path, { signal: options.signal, bytes }, (session) =>
      readFile(session, { location, path, key, range }, consume, options),
    );
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const path = this.#path(key);
    return this.#use("read", path, { signal }, (session) => abortable(fileInfo(session, path, key.name), signal));
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncIterable<FileInfo> {
    const path = posix.join(this.#root, folderOf(type));
    let release: (() => void) | undefined;
    try {
      const acquired = await this.#pool.acquire({ signal, bytes: 0 });
      release = acquired.release;
      this.#look(acquired.session);
      yield* listFiles(acquired.session, this.#root, type, { signal });
    } catch (error) {
      throw fromSftpError(error, { location: this.location, path }, "read");
    } finally {
      release?.();
    }
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    const path = this.#path(key);
    await this.#use("write", path, { signal }, async ({ calls }) => {
      try {
        await abortable(calls.remove(path), signal);
      } catch (error) {
        if (!isMissing(error)) throw error;
        throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key }, error);
      }
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #path(key: FileKey): string {
    return posix.join(this.#root, pathOf(key));
  }

  async #use<T>(
    during: "read" | "write",
    path: string,
    { signal, bytes = 0 }: Partial<UseOptions> & CallOptions,
    work: (session: SftpSession) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#pool.use(
        async (session) => {
          this.#look(session);
          try {
            return await work(session);
          } catch (error) {
            throw during === "write"
              ? await explainedFailure(session, { location: this.location, target: path }, error)
              : error;
          }
        },
        { signal, bytes },
      );
    } catch (error) {
      if (error instanceof BodyFailure) throw error.cause;
      throw fromSftpError(error, { location: this.location, path }, during);
    }
  }

  #look({ calls }: SftpSession): void {
    if (!calls.offers(EXTENSION.POSIX_RENAME)) this.#replacesAtOnce = false;
    if (!calls.offers(EXTENSION.HARD_LINK)) this.#decidesItself = false;
  }

  async #modesOnce(session: SftpSession, signal: AbortSignal): Promise<Modes> {
    this.#modes ??= await abortable(modesOf(session, posix.join(this.#root, "config")), signal);
    return this.#modes;
  }
}
