/**
 * Objects in classes that cannot be read at once: the store is asked for a copy that can be read for some days. What was asked
 * for once is passed over, by what the store says of the object.
 */
import { RestoreObjectCommand, type RestoreRequest } from "@aws-sdk/client-s3";
import type { CallOptions } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { S3Connection } from "./s3-connection.ts";
import type { WarmUpRule } from "./s3-settings.ts";

/** Classes whose objects cannot be read at once: only data may be in them. */
const COLD_CLASSES: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);

/** Whether nothing in this class can be read at once. */
export function isColdClass(storageClass: string | undefined): boolean {
  return storageClass !== undefined && COLD_CLASSES.has(storageClass);
}

/** What an answer to HEAD says of reading. */
export interface ColdFacts {
  readonly isCold: boolean;
  /** It was put away by the store itself (INTELLIGENT_TIERING), which brings it back for good. */
  readonly isAutomatic: boolean;
  /** What `x-amz-restore` says: whether a copy is being made, and until when there is one. */
  readonly restore: string | undefined;
}

/** @param shown what the SDK makes of an answer to HEAD */
export function warmthOf(shown: {
  readonly StorageClass?: string | undefined;
  readonly ArchiveStatus?: string | undefined;
  readonly Restore?: string | undefined;
}): ColdFacts {
  const isAutomatic = shown.ArchiveStatus !== undefined;
  return { isCold: isAutomatic || isColdClass(shown.StorageClass), isAutomatic, restore: shown.Restore };
}

/** Names an object, and says what is known of it. */
interface ColdObject extends ColdFacts {
  readonly Bucket: string;
  readonly Key: string;
  /** Default: the one that is there now. */
  readonly VersionId?: string;
  /** For messages. */
  readonly path: string;
}

/** Asks for a copy that can be read, unless there is one or it was asked for. @throws what calls throw */
export async function requestWarm(
  connection: S3Connection,
  { isCold, isAutomatic, restore, path, Bucket, Key, VersionId }: ColdObject,
  rule: WarmUpRule,
  { signal }: CallOptions,
): Promise<"warm" | "warming"> {
  if (!isCold) return "warm";
  if (restore !== undefined) return /ongoing-request="false"/.test(restore) ? "warm" : "warming";
  // How long it stays is for copies only: what the store itself had put away comes back for good.
  const wish: RestoreRequest = {
    ...(isAutomatic ? {} : { Days: rule.days }),
    GlacierJobParameters: { Tier: rule.tier },
  };
  const named = { Bucket, Key, ...(VersionId === undefined ? {} : { VersionId }) };
  const underWay = storageError("STORAGE_FAILED", { location: connection.location, reason: "asked for already" });
  try {
    await connection.call(
      { signal, path },
      (client, exchange) => client.send(new RestoreObjectCommand({ ...named, RestoreRequest: wish }), exchange),
      (error) => (error instanceof Error && error.name === "RestoreAlreadyInProgress" ? underWay : undefined),
    );
  } catch (error) {
    if (error !== underWay) throw error;
  }
  return "warming";
}
