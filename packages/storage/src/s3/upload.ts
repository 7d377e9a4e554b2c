/** Stores one object: by one request, or by several parts where it is large. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import { type PartDigest, digestBody } from "./body-digests.ts";
import { BodyParts } from "./body-parts.ts";
import type { S3Connection } from "./s3-connection.ts";

/** Until when nobody may delete what is stored. */
export interface RetentionUntil {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  readonly untilMs: number;
}

export interface UploadRequest {
  readonly key: FileKey;
  readonly objectKey: string;
  readonly path: string;
  readonly body: ByteSource;
  readonly storageClass: string | undefined;
  readonly retention: RetentionUntil | undefined;
  /** Fail with STORAGE_EXISTS when the server finds the name taken. */
  readonly ifNoneMatch: boolean;
}

export interface UploadLimits {
  /** The most that one request may carry. A part has this size, or more where there would be too many. */
  readonly partBytes: number;
}

/** A connection of 10 Mbit/s takes a minute for it. */
export const UPLOAD_LIMITS: UploadLimits = { partBytes: 64 * 1024 * 1024 };
/** S3 allows 10,000. */
const MAX_PARTS = 9000;
/** An upload that failed is taken back within this time, or stays for the bucket's lifecycle rule. */
const ABANDON_MS = 10_000;

/**
 * Atomic: nothing is under the name until everything has come.
 * @returns the version, where the bucket keeps versions
 * @throws STORAGE_EXISTS, STORAGE_BODY_SIZE, what the body throws, and what calls throw
 */
export async function uploadObject(
  connection: S3Connection,
  request: UploadRequest,
  limits: UploadLimits,
  { signal }: CallOptions,
): Promise<string | undefined> {
  const { key, body, retention } = request;
  const isLarge = body.sizeBytes > limits.partBytes;
  const partBytes = Math.max(limits.partBytes, Math.ceil(body.sizeBytes / MAX_PARTS));
  const parts = await digestBody(key, body, {
    signal,
    // AWS wants it with a retention period; some others know no newer checksum.
    withMd5: retention !== undefined,
    ...(isLarge ? { partBytes } : {}),
  });
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return putWhole(connection, request, only, { signal });
  return putInParts(connection, request, parts, { signal });
}

async function putWhole(
  connection: S3Connection,
  request: UploadRequest,
  part: PartDigest,
  { signal }: CallOptions,
): Promise<string | undefined> {
  const { key, path, body, retention } = request;
  const call = { signal, path, body: { key, source: body } };
  const { output } = await connection.call(
    call,
    (client, exchange) => {
      const command = new PutObjectCommand({
        ...common(connection, request),
        ContentLength: part.length,
        ...(part.md5 === undefined ? {} : { ContentMD5: part.md5 }),
        ...(request.ifNoneMatch ? { IfNoneMatch: "*" } : {}),
        ...(retention === undefined
          ? {}
          : { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: new Date(retention.untilMs) }),
      });
      signContent(command, part);
      return client.send(command, exchange);
    },
    (_error, { status }) => existsOnPrecondition(connection, request, status),
  );
  return output.VersionId;
}

/** Where and how it is stored. */
function common(connection: S3Connection, { objectKey, storageClass }: UploadRequest) {
  const { encryption, kmsKeyId } = connection.settings;
  return {
    Bucket: connection.bucket,
    Key: objectKey,
    ContentType: "application/octet-stream",
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as "STANDARD" }),
    ...(encryption === undefined ? {} : { ServerSideEncryption: encryption as "AES256" }),
    ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
  };
}

function existsOnPrecondition(connection: S3Connection, { key }: UploadRequest, status: number | undefined) {
  if (status !== 412) return undefined;
  return storageError("STORAGE_EXISTS", { location: connection.location, ...key });
}

async function putInParts(
  connection: S3Connection,
  request: UploadRequest,
  parts: readonly PartDigest[],
  { signal }: CallOptions,
): Promise<string | undefined> {
  const { path, objectKey } = request;
  const target = { Bucket: connection.bucket, Key: objectKey };
  const started = await connection.call({ signal, path }, (client, exchange) =>
    client.send(new CreateMultipartUploadCommand(common(connection, request)), exchange),
  );
  const upload = { ...target, UploadId: started.output.UploadId };
  try {
    const completed = await sendParts(connection, request, parts, upload.UploadId, { signal });
    const { output } = await connection.call(
      { signal, path },
      (client, exchange) =>
        client.send(
          new CompleteMultipartUploadCommand({
            ...upload,
            MultipartUpload: { Parts: completed },
            ...(request.ifNoneMatch ? { IfNoneMatch: "*" } : {}),
          }),
          exchange,
        ),
      (_error, { status }) => existsOnPrecondition(connection, request, status),
    );
    return output.VersionId;
  } catch (error) {
    // What led here matters more than parts that cannot be taken back.
    const cleanup = AbortSignal.timeout(ABANDON_MS);
    await connection
      .call({ signal: cleanup, path }, (client, exchange) =>
        client.send(new AbortMultipartUploadCommand(upload), exchange),
      )
      .catch(() => {});
    throw error;
  }
}

async function sendParts(
  connection: S3Connection,
  { key, path, objectKey, body }: UploadRequest,
  parts: readonly PartDigest[],
  UploadId: string | undefined,
  { signal }: CallOptions,
): Promise<CompletedPart[]> {
  const completed: CompletedPart[] = [];
  const bodies = new BodyParts(body);
  try {
    for (const [index, part] of parts.entries()) {
      const PartNumber = index + 1;
      const call = { signal, path, body: { key, source: bodies.next(part.length) } };
      const { output } = await connection.call(call, (client, exchange) => {
        const { length: ContentLength, md5 } = part;
        const where = { Bucket: connection.bucket, Key: objectKey, UploadId, PartNumber, ContentLength };
        const command = new UploadPartCommand({ ...where, ...(md5 === undefined ? {} : { ContentMD5: md5 }) });
        signContent(command, part);
        return client.send(command, exchange);
      });
      completed.push({ PartNumber, ETag: output.ETag });
    }
    return completed;
  } finally {
    await bodies.close();
  }
}

/** Makes the hash of the content part of the signature. */
function signContent(command: PutObjectCommand | UploadPartCommand, { sha256Hex }: PartDigest): void {
  const stack = command.middlewareStack as PutObjectCommand["middlewareStack"];
  stack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers["x-amz-content-sha256"] = sha256Hex;
      return next(args);
    },
    { step: "build", name: "holdfastContentHash" },
  );
}
