/**
 * A repository as it was at a time, read from the versions that its bucket keeps: what was deleted or overwritten since is there
 * again. Nothing can be written.
 */
import { GetBucketVersioningCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import type {
  Backend,
  ByteRange,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  LoadOptions,
  RequestWarm,
} from "../backend.ts";
import { oneChunk } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { assertRange, pathOf } from "../keys.ts";
import { requestWarm, warmthOf } from "./cold-objects.ts";
import { fileNameOf, folderPrefix } from "./object-keys.ts";
import { type VersionThen, versionsAt } from "./object-versions.ts";
import { Once } from "./once.ts";
import { readObject } from "./read-object.ts";
import type { S3Connection } from "./s3-connection.ts";

type Consume<T> = (chunks: AsyncIterable<Uint8Array>) => Promise<T>;

export class S3Past implements Backend {
  readonly location: string;
  readonly capabilities: Capabilities;
  readonly #connection: S3Connection;
  readonly #prefix: string;
  readonly #atMs: number;
  /** What was there, by type; some 300 bytes a file. The past does not change, so each type is listed once. */
  readonly #known = new Map<FileType, Once<ReadonlyMap<string, VersionThen>>>();
  readonly #versioned = new Once((options) => this.#assertVersioned(options));

  /** @param atMs milliseconds since 1970, by the server's clock */
  constructor(connection: S3Connection, prefix: string, atMs: number) {
    this.location = `${connection.location} as of ${new Date(atMs).toISOString()}`;
    this.#connection = connection;
    this.#prefix = prefix;
    this.#atMs = atMs;
    const { warmUp } = connection.settings;
    this.capabilities = {
      atomicReplace: false,
      conditionalPut: false,
      serverTime: true,
      maxConcurrency: connection.settings.maxConcurrency,
      settleMs: 0,
      isReadOnly: true,
      ...(warmUp === undefined ? {} : { warmUp: { timeoutMs: warmUp.timeoutMs } }),
    };
  }

  /** @throws STORAGE_PAST */
  async initialize({ signal }: CallOptions): Promise<void> {
    signal.throwIfAborted();
    throw this.#readOnly();
  }

  /** @throws STORAGE_PAST */
  async save(key: FileKey, _body: unknown, { signal }: CallOptions): Promise<void> {
    pathOf(key);
    signal.throwIfAborted();
    throw this.#readOnly();
  }

  /** @throws STORAGE_PAST */
  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    pathOf(key);
    signal.throwIfAborted();
    throw this.#readOnly();
  }

  async load<T>(key: FileKey, range: ByteRange | undefined, consume: Consume<T>, options: LoadOptions): Promise<T> {
    const path = pathOf(key);
    assertRange(range);
    const version = await this.#version(key, options);
    if (version === undefined) throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
    const end = range === undefined ? 0 : range.offset + range.length;
    if (end > version.sizeBytes) throw storageError("STORAGE_RANGE", { location: this.location, ...key, end });
    if (range?.length === 0) return consume(oneChunk(new Uint8Array(0), options.signal));
    const { key: objectKey, versionId } = version;
    return readObject(
      this.#connection,
      { location: this.location, key, path, objectKey, versionId, range },
      consume,
      options,
    );
  }

  async stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    pathOf(key);
    const version = await this.#version(key, options);
    return version === undefined ? undefined : infoOf(key.name, version);
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncIterable<FileInfo> {
    signal.throwIfAborted();
    for (const [name, version] of await this.#versions(type, { signal })) {
      yield infoOf(name, version);
      signal.throwIfAborted();
    }
  }

  get requestWarm(): RequestWarm | undefined {
    const { warmUp } = this.#connection.settings;
    if (warmUp === undefined) return undefined;
    return async (key, { signal }) => {
      const path = pathOf(key);
      const version = await this.#version(key, { signal });
      if (version === undefined) throw storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
      const named = { Bucket: this.#connection.bucket, Key: version.key, VersionId: version.versionId };
      const { output } = await this.#connection.call({ signal, path }, (client, exchange) =>
        client.send(new HeadObjectCommand(named), exchange),
      );
      return requestWarm(this.#connection, { ...warmthOf(output), ...named, path }, warmUp, { signal });
    };
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #version({ type, name }: FileKey, options: CallOptions): Promise<VersionThen | undefined> {
    options.signal.throwIfAborted();
    return (await this.#versions(type, options)).get(name);
  }

  #versions(type: FileType, options: CallOptions): Promise<ReadonlyMap<string, VersionThen>> {
    const known = this.#known.get(type) ?? new Once((inner) => this.#listVersions(type, inner));
    this.#known.set(type, known);
    return known.get(options);
  }

  async #listVersions(type: FileType, { signal }: CallOptions): Promise<ReadonlyMap<string, VersionThen>> {
    await this.#versioned.get({ signal });
    const versions = new Map<string, VersionThen>();
    for await (const version of versionsAt(this.#connection, this.#prefix + folderPrefix(type), this.#atMs, {
      signal,
    })) {
      if (!version.key.startsWith(this.#prefix)) continue;
      const name = fileNameOf(type, version.key.slice(this.#prefix.length));
      if (name !== undefined) versions.set(name, version);
    }
    return versions;
  }

  /** Of a bucket that keeps no versions the past cannot be read: what is there now would be shown as if it were all there was. */
  async #assertVersioned({ signal }: CallOptions): Promise<void> {
    const { output } = await this.#connection.call({ signal, path: "the bucket" }, (client, exchange) =>
      client.send(new GetBucketVersioningCommand({ Bucket: this.#connection.bucket }), exchange),
    );
    if (output.Status !== undefined) return;
    const value = new Date(this.#atMs).toISOString();
    const expected = "the bucket keeps no versions, so there is no past to read";
    throw storageError("STORAGE_INVALID_OPTION", { option: "s3.as-of", value, expected });
  }

  #readOnly(): Error {
    return storageError("STORAGE_PAST", { location: this.location });
  }
}

function infoOf(name: string, { sizeBytes, modifiedMs }: VersionThen): FileInfo {
  return { name, sizeBytes, receivedAtMs: modifiedMs };
}
