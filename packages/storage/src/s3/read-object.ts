/** Reads an object, or one of its versions, or a part of it. */
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ByteRange, FileKey, LoadOptions } from "../backend.ts";
import { storageError } from "../errors.ts";
import { loadBody, rangeHeader } from "../http/read-body.ts";
import type { S3Connection } from "./s3-connection.ts";

/** What to read, and how to speak of it. */
export interface ReadRequest {
  readonly location: string;
  readonly key: FileKey;
  /** Relative to the repository. */
  readonly path: string;
  readonly objectKey: string;
  /** Default: the one that is there now. */
  readonly versionId?: string;
  /** Not empty. */
  readonly range: ByteRange | undefined;
}

/** @throws STORAGE_NOT_FOUND, STORAGE_RANGE, what calls throw, and what `consume` throws */
export async function readObject<T>(
  connection: S3Connection,
  request: ReadRequest,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
  options: LoadOptions,
): Promise<T> {
  const { location, key, path, objectKey, versionId, range } = request;
  const input = {
    Bucket: connection.bucket,
    Key: objectKey,
    ...(versionId === undefined ? {} : { VersionId: versionId }),
    ...(range === undefined ? {} : { Range: rangeHeader(range) }),
  };
  const { exchange } = await connection.call(
    { signal: options.signal, path, keepsAnswer: true },
    (client, sent) => client.send(new GetObjectCommand(input), sent),
    (error, { status }) => failureOf(error, status, request),
  );
  const { answer } = exchange;
  if (answer === undefined) throw storageError("STORAGE_UNAVAILABLE", { location, reason: "an empty answer" });
  return answer.handTo(() => loadBody(answer, { location, key, range }, consume, options));
}

function failureOf(
  error: unknown,
  status: number | undefined,
  { location, key, range }: ReadRequest,
): Error | undefined {
  if (error instanceof Error && error.name === "InvalidObjectState") {
    const { StorageClass: storageClass = "it says not which" } = error as { StorageClass?: string };
    return storageError("STORAGE_COLD", { location, ...key, storageClass }, error);
  }
  const isBucketMissing = error instanceof Error && error.name === "NoSuchBucket";
  if (status === 404 && !isBucketMissing) return storageError("STORAGE_NOT_FOUND", { location, ...key }, error);
  if (status !== 416 || range === undefined) return undefined;
  return storageError("STORAGE_RANGE", { location, ...key, end: range.offset + range.length }, error);
}
