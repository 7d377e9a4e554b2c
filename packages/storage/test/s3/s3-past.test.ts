import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PutBucketVersioningCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backend.ts";
import { loadBytes } from "../../src/bytes-source.ts";
import {
  expectAbsent,
  expectBytes,
  expectCode,
  get,
  listAll,
  put,
  unaborted,
} from "../../src/testing/conformance-subject.ts";
import { type SampleFile, sampleBytes, sampleFile } from "../../src/testing/sample-files.ts";
import { CephGateway, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn } from "./s3-subject.ts";

const CONFIG = { type: "config", name: "" } as const;

describe.skipIf(!hasCeph())("a repository as of a time", () => {
  let gateway: CephGateway;
  let client: S3Client;
  let bucket: string;
  const folder = randomUUID();
  const kept = sampleFile("pack", 3000, 1);
  const removed = sampleFile("pack", 4000, 2);
  const later = sampleFile("pack", 5000, 3);
  const snapshots = Array.from({ length: 1200 }, (_, seed) => sampleFile("snapshot", 20, seed));
  const first: SampleFile = { key: CONFIG, bytes: sampleBytes(155, 1) };
  let atMs: number;

  async function openAt(ms: number): Promise<Backend> {
    return openIn(gateway.url, bucket, folder, { options: { "s3.as-of": new Date(ms).toISOString() } });
  }

  beforeAll(async () => {
    gateway = await CephGateway.start();
    client = rawS3Client(gateway.url);
    bucket = await makeBucket(client);
    await client.send(
      new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }),
    );
    const backend = await openIn(gateway.url, bucket, folder);
    for (const file of [first, kept, removed]) await put(backend, file);
    for (let at = 0; at < snapshots.length; at += 40)
      await Promise.all(snapshots.slice(at, at + 40).map((file) => put(backend, file)));
    await sleep(1100);
    atMs = Date.now();
    await sleep(1100);
    await put(backend, { key: CONFIG, bytes: sampleBytes(155, 9) });
    await backend.remove(removed.key, unaborted());
    await put(backend, later);
    for (let at = 0; at < snapshots.length; at += 40) {
      await Promise.all(snapshots.slice(at, at + 40).map(({ key }) => backend.remove(key, unaborted())));
    }
    await backend.close();
  }, 120_000);
  afterAll(async () => {
    client.destroy();
    await gateway.stop();
  });

  test("has what was deleted or overwritten since, and not what came later", async () => {
    const past = await openAt(atMs);
    for (const file of [first, kept, removed]) expectBytes(await get(past, file.key), file.bytes);
    await expectAbsent(past, later.key);
    const names = (await listAll(past, "pack")).map(({ name }) => name);
    expect(names.toSorted()).toEqual([kept.key.name, removed.key.name].toSorted());
    expect((await listAll(past, "snapshot")).length).toBe(snapshots.length);
    expect(await past.stat(removed.key, unaborted())).toMatchObject({ sizeBytes: 4000 });
    await past.close();
  });

  test("reads ranges, and none past the end", async () => {
    const past = await openAt(atMs);
    const range = { offset: 100, length: 50 };
    expectBytes(await loadBytes(past, removed.key, range, unaborted()), removed.bytes.subarray(100, 150));
    await expectCode(loadBytes(past, removed.key, { offset: 3990, length: 20 }, unaborted()), "STORAGE_RANGE");
    expect((await loadBytes(past, removed.key, { offset: 4000, length: 0 }, unaborted())).length).toBe(0);
    await past.close();
  });

  test("is what it is now when the time is now, and nothing before it began", async () => {
    const now = await openAt(Date.now() + 5000);
    expect((await listAll(now, "snapshot")).length).toBe(0);
    expectBytes(await get(now, CONFIG), sampleBytes(155, 9));
    await expectAbsent(now, removed.key);
    const before = await openAt(atMs - 24 * 3_600_000);
    await expectAbsent(before, kept.key);
    await Promise.all([now.close(), before.close()]);
  });

  test("takes no writes", async () => {
    const past = await openAt(atMs);
    await expectCode(put(past, later), "STORAGE_PAST");
    await expectCode(past.remove(kept.key, unaborted()), "STORAGE_PAST");
    await expectCode(past.initialize(unaborted()), "STORAGE_PAST");
    await past.close();
  });

  test("cannot be read where the bucket keeps no versions", async () => {
    const plain = await makeBucket(client);
    const past = await openIn(gateway.url, plain, folder, { options: { "s3.as-of": new Date(atMs).toISOString() } });
    await expectCode(past.stat(CONFIG, unaborted()), "STORAGE_INVALID_OPTION");
    await past.close();
  });
});
