/** Buckets on a gateway, and repositories in them. */
import { randomUUID } from "node:crypto";
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { Surroundings } from "../../src/location.ts";
import { openBackend } from "../../src/location.ts";
import type { Backend } from "../../src/backend.ts";
import { type GatewayUser, OWNER } from "../../src/testing/ceph-gateway.ts";

export interface OpenOptions {
  readonly options?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly user?: GatewayUser;
}

/** Makes a bucket and returns its name. */
export async function makeBucket(client: S3Client, { locked = false } = {}): Promise<string> {
  const Bucket = `b-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: locked }));
  return Bucket;
}

/** What the command line would hand over, for the keys of `user`. */
export function surroundings({ options = {}, variables = {}, user = OWNER }: OpenOptions = {}): Surroundings {
  const set: Readonly<Record<string, string>> = {
    AWS_ACCESS_KEY_ID: user.accessKeyId,
    AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
    ...variables,
  };
  const given = (text: string | undefined): string | undefined => (text === "" ? undefined : text);
  return { variable: (name) => given(set[name]), option: (name) => options[name], home: "/nonexistent" };
}

/** The repository in a folder of a bucket, opened as the command line does. */
export function openIn(url: string, bucket: string, folder: string, options: OpenOptions = {}): Promise<Backend> {
  return openBackend(`s3:${url}/${bucket}/${folder}`, surroundings(options));
}

/** Stores something foreign. */
export async function plant(client: S3Client, Bucket: string, Key: string, Body = "foreign"): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket, Key, Body }));
}
