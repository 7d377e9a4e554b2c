/** Looks at buckets and changes them without the code under test, as their owner or an attacker with the owner's keys would. */
import { randomUUID } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type GatewayUser, OWNER } from "./ceph-gateway.ts";
import { rawS3Client } from "./raw-s3-client.ts";

/** A version of an object, or a mark that it was deleted. */
export interface ListedVersion {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isMark: boolean;
}

export class BucketOwner {
  readonly #client: S3Client;

  constructor(url: string, user: GatewayUser = OWNER) {
    this.#client = rawS3Client(url, user);
  }

  close(): void {
    this.#client.destroy();
  }

  /** Makes a bucket and returns its name. One with locks keeps versions. */
  async makeBucket({ locked = false, versioned = false } = {}): Promise<string> {
    const Bucket = `b-${randomUUID()}`;
    await this.#client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: locked }));
    if (versioned) {
      const VersioningConfiguration = { Status: "Enabled" } as const;
      await this.#client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    }
    return Bucket;
  }

  async setPolicy(Bucket: string, statements: readonly object[]): Promise<void> {
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await this.#client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  }

  /** At most 1000. */
  async versions(Bucket: string, Prefix: string): Promise<ListedVersion[]> {
    const { Versions = [], DeleteMarkers = [] } = await this.#client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix }),
    );
    const entryOf =
      (isMark: boolean) =>
      ({ Key = "", VersionId = "", IsLatest = false }: (typeof DeleteMarkers)[number]): ListedVersion => ({
        key: Key,
        versionId: VersionId,
        isLatest: IsLatest,
        isMark,
      });
    return [...Versions.map(entryOf(false)), ...DeleteMarkers.map(entryOf(true))];
  }

  /** Milliseconds since 1970; 0 where there is no lock. */
  async lockedUntil(Bucket: string, { key: Key, versionId }: ListedVersion): Promise<number> {
    const head = await this.#client.send(new HeadObjectCommand({ Bucket, Key, VersionId: versionId }));
    return head.ObjectLockRetainUntilDate?.getTime() ?? 0;
  }

  /** Deletes a version for good, or hides the object where none is given. @returns "deleted", or the name of the error */
  async delete(Bucket: string, Key: string, VersionId?: string): Promise<string> {
    const input = { Bucket, Key, ...(VersionId === undefined ? {} : { VersionId, BypassGovernanceRetention: true }) };
    return this.#client.send(new DeleteObjectCommand(input)).then(
      () => "deleted",
      (error: Error) => error.name,
    );
  }
}
