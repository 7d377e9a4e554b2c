/** Cold classes, before a proxy that simulates them: Ceph's gateway has classes, and reads all of them at once. */
import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backend.ts";
import { bytesSource } from "../../src/bytes-source.ts";
import { composeBackend } from "../../src/compose.ts";
import { pathOf } from "../../src/keys.ts";
import { CephGateway, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { ColdProxy } from "../../src/testing/cold-proxy.ts";
import { expectBytes, expectCode, get, unaborted } from "../../src/testing/conformance-subject.ts";
import { FILE_TYPES } from "../../src/keys.ts";
import { type SampleFile, sampleFile } from "../../src/testing/sample-files.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn } from "./s3-subject.ts";

const CLASS = { "s3.storage-class": "GLACIER" };
const WARM = { ...CLASS, "s3.enable-restore": "true" };

describe.skipIf(!hasCeph())("a cold class (simulated before Ceph's gateway)", () => {
  let gateway: CephGateway;
  let client: S3Client;
  let bucket: string;
  let proxy: ColdProxy;
  const opened: Backend[] = [];

  beforeAll(async () => {
    gateway = await CephGateway.start({ storageClasses: ["GLACIER"] });
    client = rawS3Client(gateway.url);
    bucket = await makeBucket(client);
    proxy = await ColdProxy.start(gateway.port, { delayMs: 1500 });
  }, 120_000);
  afterEach(async () => {
    proxy.forget();
    proxy.delayMs = 1500;
    for (const backend of opened.splice(0)) await backend.close();
  });
  afterAll(async () => {
    client?.destroy();
    await proxy?.close();
    await gateway?.stop();
  });

  async function open(options: Readonly<Record<string, string>>): Promise<Backend> {
    const backend = await openIn(proxy.url, bucket, "cold", { options });
    opened.push(backend);
    return backend;
  }

  async function putCold(backend: Backend, seed: number): Promise<SampleFile> {
    const file = sampleFile("pack", 3000, seed);
    await backend.save(file.key, bytesSource(file.bytes), { ...unaborted(), mayBeCold: true });
    return file;
  }

  test("is for packs that only a restore reads, and for nothing else", async () => {
    const backend = await open(CLASS);
    const cold = await putCold(backend, 1);
    for (const type of FILE_TYPES) {
      const { key, bytes } = sampleFile(type, 100, 7);
      await backend.save(key, bytesSource(bytes), { ...unaborted(), mayBeCold: type !== "pack" });
      expectBytes(await get(backend, key), bytes);
    }
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `cold/${pathOf(cold.key)}` }));
    expect(head.StorageClass).toBe("GLACIER");
  });

  test("is not asked for anything unless that is allowed, and says how", async () => {
    const backend = composeBackend(await open(CLASS));
    const { key } = await putCold(backend, 2);
    const error: unknown = await get(backend, key).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "STORAGE_COLD", transient: false });
    expect(JSON.stringify(error)).toContain("GLACIER");
    expect((error as { hint?: string }).hint).toContain("s3.enable-restore=true");
    expect(proxy.asked).toEqual([]);
    expect(backend.requestWarm).toBeUndefined();
  });

  test("gives a file after it was asked for once, however many read it, with the options as they were given", async () => {
    const waits: number[] = [];
    const options = { ...WARM, "s3.restore-days": "3", "s3.restore-tier": "bulk" };
    const backend = composeBackend(await open(options), {
      warmUp: { onWaiting: ({ waiting }) => waits.push(waiting) },
    });
    const files = [await putCold(backend, 3), await putCold(backend, 4)];
    const reads = [...files, ...files].map(async ({ key, bytes }) => expectBytes(await get(backend, key), bytes));
    await Promise.all(reads);
    expect(proxy.asked.map(({ path }) => path).toSorted()).toEqual(
      files.map(({ key }) => `/${bucket}/cold/${pathOf(key)}`).toSorted(),
    );
    expect(proxy.asked[0]?.body).toContain("<Days>3</Days>");
    expect(proxy.asked[0]?.body).toContain("<Tier>Bulk</Tier>");
    expect(Math.max(...waits)).toBe(2);
  });

  test("is not asked again for what is on its way or there, also by another run", async () => {
    const first = await open(WARM);
    const { key, bytes } = await putCold(first, 5);
    expect(await first.requestWarm?.(key, unaborted())).toBe("warming");
    const second = composeBackend(await open(WARM));
    expect(await second.requestWarm?.(key, unaborted())).toBe("warming");
    expectBytes(await get(second, key), bytes);
    expect(await second.requestWarm?.(key, unaborted())).toBe("warm");
    expect(proxy.asked.length).toBe(1);
    const warm = sampleFile("pack", 100, 6);
    await first.save(warm.key, bytesSource(warm.bytes), unaborted());
    expect(await second.requestWarm?.(warm.key, unaborted())).toBe("warm");
    await expectCode(
      second.requestWarm?.(sampleFile("pack", 9, 99).key, unaborted()) ?? Promise.resolve(),
      "STORAGE_NOT_FOUND",
    );
  });

  test("does not hold up a read of another file, and ends at once when it is aborted", async () => {
    proxy.delayMs = 60_000;
    const backend = composeBackend(await open({ ...WARM, "s3.connections": "1" }));
    const { key } = await putCold(backend, 8);
    const aborter = new AbortController();
    const reading = backend.load(key, undefined, async () => {}, { signal: aborter.signal });
    reading.catch(() => {});
    const other = sampleFile("index", 100, 8);
    await backend.save(other.key, bytesSource(other.bytes), unaborted());
    expectBytes(await get(backend, other.key), other.bytes);
    const reason = new Error("stopped by the test");
    aborter.abort(reason);
    expect(await reading.catch((error: unknown) => error)).toBe(reason);
  });
});
