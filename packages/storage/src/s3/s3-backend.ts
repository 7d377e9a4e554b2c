/** A repository in a bucket, laid out as restic's S3 backend does, so that either program can use it. */
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
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
  RemoveOptions,
  RequestWarm,
  RetentionOutcome,
  RetentionWish,
  SaveOptions,
} from "../backend.ts";
import { loadNothing } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { assertRange, pathOf } from "../keys.ts";
import { ConditionalWrites } from "./conditional-writes.ts";
import { listHexObjects } from "./list-objects.ts";
import { fileNameOf, folderPrefix } from "./object-keys.ts";
import { readObject } from "./read-object.ts";
import { type ObjectVersion, Retention, isRetained, lockOf } from "./retention.ts";
import { type ColdFacts, isColdClass, requestWarm, warmthOf } from "./cold-objects.ts";
import { isRefusal } from "./s3-errors.ts";
import type { S3Connection } from "./s3-connection.ts";
import { type RetentionUntil, UPLOAD_LIMITS, type UploadLimits, type UploadRequest, uploadObject } from "./upload.ts";

/** What HEAD says of an object. */
interface ObjectFacts extends ColdFacts {
  readonly info: FileInfo;
  readonly versionId: string | undefined;
  readonly lock: RetentionUntil | undefined;
}

export class S3Backend implements Backend {
  readonly location: string;
  readonly #connection: S3Connection;
  readonly #prefix: string;
  readonly #limits: UploadLimits;
  readonly #conditional: ConditionalWrites;
  readonly #retention: Retention | undefined;
  #hidesRemoved = false;

  /** @param prefix empty, or with a slash at its end */
  constructor(connection: S3Connection, prefix: string, limits: UploadLimits = UPLOAD_LIMITS) {
    const { retention } = connection.settings;
    this.location = connection.location;
    this.#connection = connection;
    this.#prefix = prefix;
    this.#limits = limits;
    this.#conditional = new ConditionalWrites(connection, prefix);
    this.#retention = retention === undefined ? undefined : new Retention(connection, prefix, retention);
  }

  /** `conditionalPut` turns true once the server has shown it. */
  get capabilities(): Capabilities {
    const rule = this.#retention?.rule;
    const { warmUp } = this.#connection.settings;
    return {
      atomicReplace: true,
      conditionalPut: this.#conditional.isProven,
      serverTime: true,
      maxConcurrency: this.#connection.settings.maxConcurrency,
      mostConcurrency: this.#connection.settings.mostConcurrency,
      settleMs: 0,
      tellsRetention: true,
      hidesRemoved: this.#hidesRemoved,
      ...(warmUp === undefined ? {} : { warmUp: { timeoutMs: warmUp.timeoutMs } }),
      ...(rule === undefined ? {} : { objectLock: { mode: rule.mode, days: rule.days } }),
    };
  }

  /** There are no folders to make; looks whether the bucket is there, what it can do, and that its locks hold if there are any. */
  async initialize({ signal }: CallOptions): Promise<void> {
    await this.#assertBucket({ signal });
    await this.#conditional.prove({ signal });
    await this.#retention?.prove({ signal });
  }

  async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    const { signal, ifAbsent = false, mayBeCold = false } = options;
    const path = pathOf(key);
    signal.throwIfAborted();
    const retention = isRetained(key) ? this.#retention : undefined;
    await retention?.prove({ signal });
    const ifNoneMatch = ifAbsent && (await this.#conditional.prove({ signal }));
    if (ifAbsent && !ifNoneMatch && (await this.stat(key, { signal })) !== undefined) {
      throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
    }
    const request: UploadRequest = {
      key,
      objectKey: this.#objectKey(path),
      path,
      body,
      storageClass: this.#storageClass(key.type === "pack" && mayBeCold),
      retention: retention?.forNewFiles,
      ifNoneMatch,
    };
    const versionId = await uploadObject(this.#connection, request, this.#limits, { signal });
    if (retention !== undefined) await this.#lock(retention, request, versionId, { signal });
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const path = pathOf(key);
    assertRange(range);
    if (range?.length === 0) return loadNothing(this, key, range, consume, options);
    const request = { location: this.location, key, path, objectKey: this.#objectKey(path), range };
    return readObject(this.#connection, request, consume, options);
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const path = pathOf(key);
    const facts = await this.#facts(key.name, path, { signal });
    // Of a bucket that is not there no file is found either, which would look like an empty place.
    if (facts === undefined && key.type === "config") await this.#assertBucket({ signal });
    return facts?.info;
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncIterable<FileInfo> {
    signal.throwIfAborted();
    if (type === "config") {
      const info = await this.stat({ type, name: "" }, { signal });
      if (info !== undefined) yield info;
      return;
    }
    const prefix = this.#objectKey(folderPrefix(type));
    for await (const { key, sizeBytes, modifiedMs } of listHexObjects(this.#connection, prefix, { signal })) {
      const name = key.startsWith(prefix) ? fileNameOf(type, key.slice(this.#prefix.length)) : undefined;
      if (name === undefined) continue;
      yield { name, sizeBytes, receivedAtMs: modifiedMs };
      signal.throwIfAborted();
    }
  }

  /** In a bucket with versions this hides the file, and the version stays. */
  async remove(key: FileKey, { signal, mayBeAbsent = false }: RemoveOptions): Promise<void> {
    const path = pathOf(key);
    // S3 answers the same whether or not there was something.
    if (!mayBeAbsent && (await this.#facts(key.name, path, { signal })) === undefined) {
      await this.#assertBucket({ signal });
      throw this.#notFound(key);
    }
    const refused = storageError("STORAGE_PERMISSION", { location: this.location, path });
    try {
      const { output } = await this.#connection.call(
        { signal, path },
        (client, exchange) => client.send(new DeleteObjectCommand(this.#naming(path)), exchange),
        (error, { status }) => (isRefusal(error, status) ? refused : undefined),
      );
      if (output.DeleteMarker === true) this.#hidesRemoved = true;
    } catch (error) {
      if (error !== refused) throw error;
      throw (await this.#retained(key, path, { signal })) ?? refused;
    }
  }

  /** Where a lock is why a file may not be removed, that is what to say; a server that hides what is removed refuses nothing. */
  async #retained(key: FileKey, path: string, { signal }: CallOptions): Promise<Error | undefined> {
    const lock = (await this.#facts(key.name, path, { signal }))?.lock;
    if (lock === undefined || lock.untilMs <= this.#connection.serverNowMs) return undefined;
    const until = new Date(lock.untilMs).toISOString();
    return storageError("STORAGE_RETAINED", { location: this.location, ...key, until });
  }

  /** @throws STORAGE_NOT_FOUND, STORAGE_NO_RETENTION */
  async extendRetention(key: FileKey, wish: RetentionWish, { signal }: CallOptions): Promise<RetentionOutcome> {
    const path = pathOf(key);
    if (this.#retention === undefined) {
      const reason = "no mode is set (-o s3.retention-mode, -o s3.retention-days)";
      throw storageError("STORAGE_NO_RETENTION", { location: this.location, reason });
    }
    const facts = await this.#facts(key.name, path, { signal });
    if (facts === undefined) throw this.#notFound(key);
    await this.#retention.prove({ signal });
    const version = this.#versionOf(path, facts.versionId);
    return this.#retention.extend(version, wish, { signal, shown: facts.lock });
  }

  get requestWarm(): RequestWarm | undefined {
    const { warmUp } = this.#connection.settings;
    if (warmUp === undefined) return undefined;
    return async (key, { signal }) => {
      const path = pathOf(key);
      const facts = await this.#facts(key.name, path, { signal });
      if (facts === undefined) throw this.#notFound(key);
      return requestWarm(this.#connection, { ...facts, ...this.#naming(path), path }, warmUp, { signal });
    };
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /**
   * Sees to it that the lock is there. Without one the save has failed, though the whole file stays under its name: the run ends,
   * and to whoever reads the repository it is a file like those that were stored without retention.
   */
  async #lock(
    retention: Retention,
    { path, body, retention: wanted }: UploadRequest,
    versionId: string | undefined,
    { signal }: CallOptions,
  ): Promise<void> {
    if (wanted === undefined) return;
    const version = this.#versionOf(path, versionId);
    // Some servers, Ceph's among them, ignore the lock of an upload in parts.
    if (body.sizeBytes > this.#limits.partBytes) return retention.ensure(version, wanted.untilMs, { signal });
    await retention.verify(version, wanted, { signal });
  }

  #versionOf(path: string, versionId: string | undefined): ObjectVersion {
    if (versionId !== undefined) return { objectKey: this.#objectKey(path), path, versionId };
    const reason = "the bucket keeps no versions, and only versions can be locked";
    throw storageError("STORAGE_NO_RETENTION", { location: this.location, reason });
  }

  async #facts(name: string, path: string, { signal }: CallOptions): Promise<ObjectFacts | undefined> {
    const input = this.#naming(path);
    const absent = storageError("STORAGE_NOT_FOUND", { location: this.location, type: "", name });
    const unclear = storageError("STORAGE_FAILED", { location: this.location, reason: "no reason was given" });
    try {
      const { output } = await this.#connection.call(
        { signal, path },
        (client, exchange) => client.send(new HeadObjectCommand(input), exchange),
        (_error, { status }) => (status === 404 ? absent : status === 403 || status === 400 ? unclear : undefined),
      );
      const { ContentLength = 0, LastModified, VersionId, ObjectLockRetainUntilDate } = output;
      const lock = lockOf(output);
      const info = {
        name,
        sizeBytes: ContentLength,
        ...(LastModified === undefined ? {} : { receivedAtMs: LastModified.getTime() }),
        ...(ObjectLockRetainUntilDate === undefined ? {} : { retainedUntilMs: ObjectLockRetainUntilDate.getTime() }),
        storeTimeMs: this.#connection.serverNowMs,
      };
      return { info, versionId: VersionId, lock, ...warmthOf(output) };
    } catch (error) {
      if (error === absent) return undefined;
      if (error === unclear) return this.#explain(path, { signal });
      throw error;
    }
  }

  /** An answer to HEAD has no room for a reason; one to GET has. */
  async #explain(path: string, { signal }: CallOptions): Promise<never> {
    const input = { ...this.#naming(path), Range: "bytes=0-0" };
    await this.#connection.call({ signal, path }, (client, exchange) =>
      client.send(new GetObjectCommand(input), exchange),
    );
    throw storageError("STORAGE_PERMISSION", { location: this.location, path });
  }

  async #assertBucket({ signal }: CallOptions): Promise<void> {
    const input = { Bucket: this.#connection.bucket, Prefix: this.#prefix, MaxKeys: 1 };
    await this.#connection.call({ signal, path: "the bucket" }, (client, exchange) =>
      client.send(new ListObjectsV2Command(input), exchange),
    );
  }

  #notFound(key: FileKey): Error {
    return storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
  }

  /** Classes that cannot be read at once are for data alone: every run reads all else. */
  #storageClass(mayBeCold: boolean): string | undefined {
    const { storageClass } = this.#connection.settings;
    return isColdClass(storageClass) && !mayBeCold ? undefined : storageClass;
  }

  #naming(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.#connection.bucket, Key: this.#objectKey(path) };
  }

  #objectKey(path: string): string {
    return `${this.#prefix}${path}`;
  }
}
