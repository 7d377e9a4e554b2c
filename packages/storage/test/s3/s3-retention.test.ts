import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Backend, RetentionWish } from "../../src/backend.ts";
import { bytesSource } from "../../src/bytes-source.ts";
import { pathOf } from "../../src/keys.ts";
import { PLAIN_SETTINGS } from "../../src/http/http-settings.ts";
import { S3Backend } from "../../src/s3/s3-backend.ts";
import { S3Connection } from "../../src/s3/s3-connection.ts";
import { parseS3Place } from "../../src/s3/s3-location.ts";
import { s3Settings } from "../../src/s3/s3-settings.ts";
import { backendConformance } from "../../src/testing/conformance.ts";
import { expectAbsent, expectBytes, expectCode, get, put, unaborted } from "../../src/testing/conformance-subject.ts";
import { sampleFile } from "../../src/testing/sample-files.ts";
import { CephGateway, type GatewayUser, OTHER, OWNER, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { ColdProxy } from "../../src/testing/cold-proxy.ts";
import { type Lie, LyingServer } from "./lying-server.ts";
import { StrippingProxy } from "./stripping-proxy.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn, surroundings } from "./s3-subject.ts";

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;
const COMPLIANCE = { "s3.retention-mode": "compliance", "s3.retention-days": "2" };
const GOVERNANCE = { "s3.retention-mode": "governance", "s3.retention-days": "2" };
const opened: Backend[] = [];

async function open(...args: Parameters<typeof openIn>): Promise<Backend> {
  const backend = await openIn(...args);
  opened.push(backend);
  return backend;
}

describe.skipIf(!hasCeph())("object lock on Ceph's gateway", () => {
  let gateway: CephGateway;
  let client: S3Client;
  let bucket: string;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    client = rawS3Client(gateway.url);
    bucket = await makeBucket(client, { locked: true });
  });
  afterEach(async () => {
    for (const backend of opened.splice(0)) await backend.close();
  });
  afterAll(async () => {
    client.destroy();
    await gateway.stop();
  });

  backendConformance("S3Backend with locks", async () => ({
    backend: await openIn(gateway.url, bucket, randomUUID(), { options: COMPLIANCE }),
  }));

  /** Tries to get rid of every version of an object, and returns how each try ended. */
  async function destroy(key: string, by: S3Client = client): Promise<string[]> {
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
    const outcomes = [];
    for (const { VersionId } of Versions) {
      const input = { Bucket: bucket, Key: key, VersionId, BypassGovernanceRetention: true };
      const outcome = by.send(new DeleteObjectCommand(input)).then(
        () => "deleted",
        (error: Error) => error.name,
      );
      outcomes.push(await outcome);
    }
    return outcomes;
  }

  test("keeps a file that was removed and overwritten, and lets our own credentials delete none of its versions", async () => {
    const folder = randomUUID();
    const backend = await open(gateway.url, bucket, folder, { options: COMPLIANCE });
    const file = sampleFile("pack", 5000);
    await put(backend, file);
    await put(backend, { key: file.key, bytes: new Uint8Array(10) });
    await backend.remove(file.key, unaborted());
    await expectAbsent(backend, file.key);
    expect(await destroy(`${folder}/${pathOf(file.key)}`)).toEqual(["AccessDenied", "AccessDenied"]);
  });

  test("is set for large files that come in parts, too", async () => {
    const place = parseS3Place(`${gateway.url}/${bucket}/${randomUUID()}`);
    const settings = await s3Settings(place, surroundings({ options: COMPLIANCE }));
    const connection = new S3Connection({ place, settings, http: PLAIN_SETTINGS, credentials: async () => OWNER });
    const backend = new S3Backend(connection, place.prefix, { partBytes: 5 * MIB });
    opened.push(backend);
    const file = sampleFile("pack", 12 * MIB);
    await put(backend, file);
    expect((await backend.stat(file.key, unaborted()))?.retainedUntilMs).toBeGreaterThan(Date.now() + 47 * 3_600_000);
    expect(await destroy(`${place.prefix}${pathOf(file.key)}`)).toEqual(["AccessDenied"]);
  });

  test("can be extended after the time at which it would have ended", async () => {
    const folder = randomUUID();
    const backend = await open(gateway.url, bucket, folder, { options: COMPLIANCE });
    const file = sampleFile("index", 500);
    await put(backend, file);
    const forMs = 10 * 24 * 3_600_000;
    const untilMs = Date.now() + forMs;
    await backend.extendRetention?.(file.key, { forMs }, unaborted());
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: `${folder}/${pathOf(file.key)}` }));
    expect(head.ObjectLockMode).toBe("COMPLIANCE");
    expect(Math.abs((head.ObjectLockRetainUntilDate?.getTime() ?? 0) - untilMs)).toBeLessThan(2000);
  });

  test("costs one request where it has long enough to go, and three where it is extended", async () => {
    const counting = await ColdProxy.start(gateway.port, { delayMs: 0 });
    const backend = await open(counting.url, bucket, randomUUID(), { options: COMPLIANCE });
    const files = Array.from({ length: 10 }, (_, seed) => sampleFile("pack", 10, seed));
    try {
      for (const file of files) await put(backend, file);
      const extend = async (wish: RetentionWish): Promise<number> => {
        const before = counting.requests;
        for (const { key } of files) await backend.extendRetention?.(key, wish, unaborted());
        return counting.requests - before;
      };
      expect(await extend({ forMs: 30 * DAY_MS, unlessLeftMs: DAY_MS })).toBe(10);
      expect(await extend({ forMs: 30 * DAY_MS, unlessLeftMs: 7 * DAY_MS })).toBe(30);
      expect(await extend({ forMs: 30 * DAY_MS, unlessLeftMs: 7 * DAY_MS })).toBe(10);
    } finally {
      await counting.close();
    }
  });

  test("is why a file stays that its owner may not delete, and the message says until when", async () => {
    const shared = await makeBucket(client, { locked: true });
    const who = { AWS: [`arn:aws:iam:::user/${OTHER.name}`] };
    const what = { Principal: who, Resource: [`arn:aws:s3:::${shared}`, `arn:aws:s3:::${shared}/*`] };
    const statements = [
      { Effect: "Allow", Action: "s3:*", ...what },
      { Effect: "Deny", Action: "s3:DeleteObject", ...what },
    ];
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await client.send(new PutBucketPolicyCommand({ Bucket: shared, Policy }));
    const locked = await open(gateway.url, shared, "x", { options: COMPLIANCE, user: OTHER });
    const [file, plain] = [sampleFile("pack", 100, 1), sampleFile("pack", 100, 2)];
    await put(locked, file);
    const error: unknown = await locked.remove(file.key, unaborted()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "STORAGE_RETAINED", transient: false });
    expect(String(error)).toMatch(/locked until \d{4}-/);
    const free = await open(gateway.url, shared, "x", { user: OTHER });
    await put(free, plain);
    await expectCode(free.remove(plain.key, unaborted()), "STORAGE_PERMISSION");
  });

  test("is found to be missing behind a proxy that takes it away and says 200", async () => {
    const proxy = await StrippingProxy.start(gateway.port, client);
    const backend = await open(proxy.url, bucket, randomUUID(), { options: COMPLIANCE });
    try {
      const error: unknown = await put(backend, sampleFile("pack", 100)).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "STORAGE_NO_RETENTION" });
      expect(String(error)).toContain("does not have it when it is asked");
      expect(proxy.stripped).toBe(1);
    } finally {
      await proxy.close();
    }
  });

  test("in governance is refused to whoever may lift it, before anything is stored", async () => {
    const folder = randomUUID();
    const backend = await open(gateway.url, bucket, folder, { options: GOVERNANCE });
    const file = sampleFile("pack", 100);
    const error: unknown = await put(backend, file).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "STORAGE_NO_RETENTION" });
    expect(String(error)).toContain("s3:BypassGovernanceRetention");
    expect(await backend.stat(file.key, unaborted())).toBeUndefined();
  });

  test("in governance holds against whoever may not lift it", async () => {
    await allowOther(client, bucket, OTHER);
    const folder = randomUUID();
    const backend = await open(gateway.url, bucket, folder, { options: GOVERNANCE, user: OTHER });
    const file = sampleFile("pack", 100);
    await put(backend, file);
    expectBytes(await get(backend, file.key), file.bytes);
    const other = rawS3Client(gateway.url, OTHER);
    expect(await destroy(`${folder}/${pathOf(file.key)}`, other)).toEqual(["AccessDenied"]);
    other.destroy();
  });

  test("is refused in a bucket that was made without it", async () => {
    const plain = await makeBucket(client);
    const backend = await open(gateway.url, plain, "x", { options: COMPLIANCE });
    await expectCode(put(backend, sampleFile("pack", 100)), "STORAGE_NO_RETENTION");
    await expectCode(backend.initialize(unaborted()), "STORAGE_NO_RETENTION");
  });

  test("leaves one probe a day, however often it is tried", async () => {
    const folder = randomUUID();
    for (let run = 0; run < 3; run++) {
      const backend = await open(gateway.url, bucket, folder, { options: COMPLIANCE });
      await put(backend, sampleFile("pack", 100, run));
    }
    const probe = { Bucket: bucket, Prefix: `${folder}/holdfast/lock-probe` };
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand(probe));
    expect([Versions.length, DeleteMarkers.length]).toEqual([1, 0]);
  });
});

/** A policy under which `user` may do all that a backup needs, and not lift governance. */
async function allowOther(client: S3Client, bucket: string, user: GatewayUser): Promise<void> {
  const who = { AWS: [`arn:aws:iam:::user/${user.name}`] };
  const what = { Principal: who, Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`] };
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "s3:*", ...what },
      { Effect: "Deny", Action: "s3:BypassGovernanceRetention", ...what },
    ],
  });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
}

describe("a server that accepts locks and protects nothing", () => {
  test.each<[Lie, string]>([
    ["forgets", "does not have it when it is asked"],
    ["shows", "could be deleted"],
    ["pretends", "could be deleted"],
    ["versions", "keeps no versions"],
  ])("and %s is found out before a file is stored", async (lie, words) => {
    const liar = await LyingServer.start(lie);
    const backend = await openIn(liar.url, "bucket", "x", { options: COMPLIANCE });
    try {
      for (let i = 0; i < 2; i++) {
        const saving = backend.save(sampleFile("pack", 10).key, bytesSource(new Uint8Array(10)), unaborted());
        const error: unknown = await saving.catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "STORAGE_NO_RETENTION" });
        expect(String(error)).toContain(words);
      }
      expect(liar.names.filter((name) => name.includes("/data/"))).toEqual([]);
    } finally {
      await backend.close();
      await liar.stop();
    }
  });
});
