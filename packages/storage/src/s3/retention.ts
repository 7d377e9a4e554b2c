/**
 * Object lock: until a time that the server keeps, nobody may delete a version of an object. What a server says of that is not
 * believed: servers exist that accept a lock and protect nothing. So it is read back for every file, and tried once a run.
 */
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutObjectRetentionCommand,
} from "@aws-sdk/client-s3";
import { isHoldfastError } from "@holdfast/base";
import type { CallOptions, FileKey, RetentionOutcome, RetentionWish } from "../backend.ts";
import { storageError } from "../errors.ts";
import { Once } from "./once.ts";
import type { S3Connection } from "./s3-connection.ts";
import type { RetentionRule } from "./s3-settings.ts";
import { type RetentionUntil, uploadObject, UPLOAD_LIMITS } from "./upload.ts";
import { bytesSource } from "../bytes-source.ts";

/** Relative to the repository. An empty object that is locked, and that nobody but a broken server lets us delete. */
const LOCK_PROBE = "holdfast/lock-probe";

const DAY_MS = 24 * 60 * 60 * 1000;
/** The probe is locked for so long, so that at most one version a day is added. */
const PROBE_MS = DAY_MS;
/** A probe whose lock ends sooner is not tried any more. */
const PROBE_LEFT_MS = 60_000;
/** Servers keep whole seconds. */
const ROUNDING_MS = 1000;

/** One version of an object. */
export interface ObjectVersion {
  readonly objectKey: string;
  /** For messages. */
  readonly path: string;
  readonly versionId: string;
}

export class Retention {
  readonly rule: RetentionRule;
  readonly #connection: S3Connection;
  readonly #probeKey: string;
  readonly #proof = new Once(
    (options) => this.#try(options),
    (error) => isHoldfastError(error, "STORAGE_NO_RETENTION"),
  );

  constructor(connection: S3Connection, prefix: string, rule: RetentionRule) {
    this.rule = rule;
    this.#connection = connection;
    this.#probeKey = `${prefix}${LOCK_PROBE}`;
  }

  /** What a file that is stored now gets. */
  get forNewFiles(): RetentionUntil {
    return { mode: this.rule.mode, untilMs: this.#connection.serverNowMs + this.rule.days * DAY_MS };
  }

  /**
   * Proves, once for this object, that a locked version cannot be deleted with our own credentials.
   * @throws STORAGE_NO_RETENTION when it can, or when nothing gets locked
   */
  prove(options: CallOptions): Promise<void> {
    return this.#proof.get(options);
  }

  /**
   * Locks a version, unless it is locked for as long already, and reads that back.
   * @throws STORAGE_NO_RETENTION when the lock does not stand afterwards
   */
  async ensure(version: ObjectVersion, untilMs: number, { signal }: CallOptions): Promise<void> {
    const before = await this.#read(version, { signal });
    if (before !== undefined && isAtLeast(before, { mode: this.rule.mode, untilMs })) return;
    await this.#set(version, untilMs, before, { signal });
  }

  /**
   * Locks a version for longer: one request where its lock has long enough to go, three where it has not.
   * @param shown its lock as it was just shown; who may not see locks is shown none
   * @throws STORAGE_NO_RETENTION when the lock does not stand afterwards
   */
  async extend(
    version: ObjectVersion,
    { forMs, unlessLeftMs = forMs }: RetentionWish,
    { signal, shown }: CallOptions & { readonly shown: RetentionUntil | undefined },
  ): Promise<RetentionOutcome> {
    const { mode } = this.rule;
    const before = shown ?? (await this.#read(version, { signal }));
    const known = before === undefined ? {} : { beforeMs: before.untilMs };
    const nowMs = this.#connection.serverNowMs;
    if (before !== undefined && isAtLeast(before, { mode, untilMs: nowMs + unlessLeftMs })) {
      return { isExtended: false, untilMs: before.untilMs, ...known };
    }
    const { untilMs } = await this.#set(version, nowMs + forMs, before, { signal });
    return { isExtended: true, untilMs, ...known };
  }

  /** What is there is made stronger and longer, never weaker or shorter. @returns it as it was read back */
  async #set(
    version: ObjectVersion,
    untilMs: number,
    before: RetentionUntil | undefined,
    { signal }: CallOptions,
  ): Promise<RetentionUntil> {
    const wanted: RetentionUntil = {
      mode: before?.mode === "COMPLIANCE" ? "COMPLIANCE" : this.rule.mode,
      untilMs: Math.max(untilMs, before?.untilMs ?? 0),
    };
    await this.#connection.call(
      { signal, path: version.path },
      (client, exchange) =>
        client.send(
          new PutObjectRetentionCommand({
            ...this.#naming(version),
            Retention: { Mode: wanted.mode, RetainUntilDate: new Date(wanted.untilMs) },
          }),
          exchange,
        ),
      (error, { status }) => (status === 400 || status === 501 ? this.#notLocked(NO_LOCK_IN_BUCKET, error) : undefined),
    );
    const after = await this.#read(version, { signal });
    if (after === undefined || !isAtLeast(after, wanted)) throw this.#notLocked(LOCK_NOT_KEPT);
    return after;
  }

  /** @throws STORAGE_NO_RETENTION unless a version is locked like that */
  async verify(version: ObjectVersion, wanted: RetentionUntil, { signal }: CallOptions): Promise<void> {
    const found = await this.#read(version, { signal });
    if (found === undefined || !isAtLeast(found, wanted)) throw this.#notLocked(LOCK_NOT_KEPT);
  }

  async #try({ signal }: CallOptions): Promise<void> {
    const probe = (await this.#lastProbe({ signal })) ?? (await this.#newProbe({ signal }));
    if (await this.#canDelete(probe, { signal }, false))
      throw this.#notLocked("a file that was locked could be deleted");
    if (this.rule.mode === "GOVERNANCE" && (await this.#canDelete(probe, { signal }, true))) {
      throw this.#notLocked(
        "these credentials may bypass governance, and so delete what is locked; take s3:BypassGovernanceRetention from them, or use the mode compliance",
      );
    }
  }

  /** One whose lock still holds for a while. */
  async #lastProbe({ signal }: CallOptions): Promise<ObjectVersion | undefined> {
    const versionId = await this.#versionNow(this.#probeKey, LOCK_PROBE, { signal });
    if (versionId === undefined) return undefined;
    const probe = { objectKey: this.#probeKey, path: LOCK_PROBE, versionId };
    const found = await this.#read(probe, { signal });
    const untilMs = this.#connection.serverNowMs + PROBE_LEFT_MS;
    const isUsable = found?.mode === this.rule.mode && found.untilMs >= untilMs;
    // One whose time is over is only in the way; who may not delete it leaves it there.
    if (!isUsable && found !== undefined) await this.#canDelete(probe, { signal }, false);
    return isUsable ? probe : undefined;
  }

  async #newProbe({ signal }: CallOptions): Promise<ObjectVersion> {
    const retention = { mode: this.rule.mode, untilMs: this.#connection.serverNowMs + PROBE_MS };
    const request = {
      key: { type: "config", name: "" } as const,
      objectKey: this.#probeKey,
      path: LOCK_PROBE,
      body: bytesSource(),
      storageClass: undefined,
      retention,
      ifNoneMatch: false,
    };
    const versionId = await uploadObject(this.#connection, request, UPLOAD_LIMITS, { signal }).catch(
      (error: unknown) => {
        throw isHoldfastError(error, "STORAGE_FAILED") ? this.#notLocked(NO_LOCK_IN_BUCKET, error) : error;
      },
    );
    if (versionId === undefined) throw this.#notLocked("the bucket keeps no versions, and only versions can be locked");
    const probe = { objectKey: this.#probeKey, path: LOCK_PROBE, versionId };
    await this.verify(probe, retention, { signal });
    return probe;
  }

  /** True when the version is gone afterwards, whatever the server said. */
  async #canDelete(version: ObjectVersion, { signal }: CallOptions, withBypass: boolean): Promise<boolean> {
    const input = { ...this.#naming(version), ...(withBypass ? { BypassGovernanceRetention: true } : {}) };
    const refused = this.#notLocked("refused");
    try {
      await this.#connection.call(
        { signal, path: version.path },
        (client, exchange) => client.send(new DeleteObjectCommand(input), exchange),
        (_error, { status = 0 }) => (status >= 400 && status < 429 && status !== 408 ? refused : undefined),
      );
    } catch (error) {
      if (error !== refused) throw error;
    }
    return (await this.#versionNow(version.objectKey, version.path, { signal }, version.versionId)) === undefined;
  }

  /** The version that is there now, or the given one if it is there. */
  async #versionNow(
    objectKey: string,
    path: string,
    { signal }: CallOptions,
    versionId?: string,
  ): Promise<string | undefined> {
    const input = {
      Bucket: this.#connection.bucket,
      Key: objectKey,
      ...(versionId === undefined ? {} : { VersionId: versionId }),
    };
    const absent = storageError("STORAGE_NOT_FOUND", {
      location: this.#connection.location,
      type: "probe",
      name: path,
    });
    try {
      const { output } = await this.#connection.call(
        { signal, path },
        (client, exchange) => client.send(new HeadObjectCommand(input), exchange),
        (_error, { status }) => (status === 404 || status === 405 ? absent : undefined),
      );
      return output.VersionId;
    } catch (error) {
      if (error === absent) return undefined;
      throw error;
    }
  }

  async #read(version: ObjectVersion, { signal }: CallOptions): Promise<RetentionUntil | undefined> {
    const none = this.#notLocked("none");
    try {
      const { output } = await this.#connection.call(
        { signal, path: version.path },
        (client, exchange) => client.send(new GetObjectRetentionCommand(this.#naming(version)), exchange),
        (_error, { status }) => (status === 400 || status === 404 || status === 501 ? none : undefined),
      );
      const { Mode, RetainUntilDate } = output.Retention ?? {};
      return lockOf({ ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate });
    } catch (error) {
      if (error === none) return undefined;
      throw error;
    }
  }

  #naming({ objectKey, versionId }: ObjectVersion) {
    return { Bucket: this.#connection.bucket, Key: objectKey, VersionId: versionId };
  }

  #notLocked(reason: string, cause?: unknown): Error {
    return storageError("STORAGE_NO_RETENTION", { location: this.#connection.location, reason }, cause);
  }
}

const NO_LOCK_IN_BUCKET = "the bucket was made without object lock";
const LOCK_NOT_KEPT = "the server accepted a lock, and does not have it when it is asked";

function isAtLeast(found: RetentionUntil, wanted: RetentionUntil): boolean {
  const isStrongEnough = found.mode === wanted.mode || found.mode === "COMPLIANCE";
  return isStrongEnough && found.untilMs >= wanted.untilMs - ROUNDING_MS;
}

/** A lock as answers about objects show it, to whoever may see locks. */
export function lockOf(shown: {
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
}): RetentionUntil | undefined {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } = shown;
  if ((mode !== "GOVERNANCE" && mode !== "COMPLIANCE") || until === undefined) return undefined;
  return { mode, untilMs: until.getTime() };
}

/** Locks are files that come and go; all else is kept. */
export function isRetained({ type }: FileKey): boolean {
  return type !== "lock";
}
