/** Somebody with the keys of a bucket who wants to destroy what is in it, by S3's own requests and none of our code. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { rawS3Client } from "./raw-s3-client.ts";

export class BucketIntruder {
  readonly #client: S3Client;
  readonly #bucket: string;

  /** @param url of the gateway */
  constructor(url: string, bucket: string) {
    this.#bucket = bucket;
    this.#client = rawS3Client(url);
  }

  /** Makes the bucket, with object lock. */
  async makeLockedBucket(): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: this.#bucket, ObjectLockEnabledForBucket: true }));
  }

  /** What is to be seen; at most a thousand. */
  async keys(): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: this.#bucket }));
    return Contents.flatMap(({ Key }) => Key ?? []);
  }

  /** Puts something else under each name, and deletes that. */
  async overwriteAndDelete(keys: readonly string[]): Promise<void> {
    const Bucket = this.#bucket;
    for (const Key of keys) {
      await this.#client.send(new PutObjectCommand({ Bucket, Key, Body: "overwritten" }));
      await this.#client.send(new DeleteObjectCommand({ Bucket, Key }));
    }
  }

  /** Tries to delete every version for good, locks or not. @returns the keys of the versions that stayed */
  async destroyVersions(): Promise<string[]> {
    const Bucket = this.#bucket;
    const { Versions = [] } = await this.#client.send(new ListObjectVersionsCommand({ Bucket }));
    const stayed: string[] = [];
    for (const { Key = "", VersionId } of Versions) {
      const request = new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true });
      await this.#client.send(request).catch(() => stayed.push(Key));
    }
    return stayed;
  }

  close(): void {
    this.#client.destroy();
  }
}
