import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { isHoldfastError, messageOf } from "@holdfast/base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backend.ts";
import { bytesSource } from "../../src/bytes-source.ts";
import { PLAIN_SETTINGS } from "../../src/http/http-settings.ts";
import { S3Backend } from "../../src/s3/s3-backend.ts";
import { S3Connection, type S3ConnectionOptions } from "../../src/s3/s3-connection.ts";
import { parseS3Place } from "../../src/s3/s3-location.ts";
import { s3Settings } from "../../src/s3/s3-settings.ts";
import { expectBytes, get, put, unaborted } from "../../src/testing/conformance-subject.ts";
import { FaultProxy } from "../../src/testing/fault-proxy.ts";
import { sampleFile } from "../../src/testing/sample-files.ts";
import { CephGateway, OTHER, OWNER, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn, surroundings } from "./s3-subject.ts";

const MIB = 1024 * 1024;
const CONFIG = { type: "config", name: "" } as const;
const opened: Backend[] = [];

afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

async function open(...args: Parameters<typeof openIn>): Promise<Backend> {
  const backend = await openIn(...args);
  opened.push(backend);
  return backend;
}

/** With settings that no option has: part sizes of tests, patience of milliseconds. */
async function openWith(url: string, bucket: string, more: Partial<S3ConnectionOptions> = {}): Promise<Backend> {
  const place = parseS3Place(`${url}/${bucket}/parts`);
  const settings = await s3Settings(place, surroundings());
  const credentials = async () => OWNER;
  const connection = new S3Connection({
    place,
    settings,
    http: PLAIN_SETTINGS,
    credentials,
    ...more,
  });
  const backend = new S3Backend(connection, place.prefix, { partBytes: 5 * MIB });
  opened.push(backend);
  return backend;
}

/** One call of each kind. */
function callsOf(backend: Backend): (() => Promise<unknown>)[] {
  return [
    () => backend.stat(CONFIG, unaborted()),
    () => backend.initialize(unaborted()),
    () => get(backend, CONFIG),
    () => put(backend, sampleFile("pack", 100)),
    () => backend.remove(CONFIG, unaborted()),
    () => backend.list("pack", unaborted())[Symbol.asyncIterator]().next(),
  ];
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; transient: boolean; text: string }> {
  const error: unknown = await promise.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  const text = isHoldfastError(error) ? JSON.stringify(error) : messageOf(error);
  return isHoldfastError(error)
    ? { code: error.code, transient: error.transient, text }
    : { code: messageOf(error), transient: false, text };
}

describe.skipIf(!hasCeph())("a bucket of Ceph's gateway", () => {
  let gateway: CephGateway;
  let proxy: FaultProxy;
  let client: S3Client;
  let bucket: string;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    proxy = await FaultProxy.start(gateway.port);
    client = rawS3Client(gateway.url);
    bucket = await makeBucket(client);
  });
  afterAll(async () => {
    client.destroy();
    await proxy.close();
    await gateway.stop();
  });
  afterEach(() => {
    proxy.choose = () => undefined;
  });
  const proxyUrl = (): string => `http://127.0.0.1:${proxy.port}`;

  test.each([
    ["a wrong secret", { ...OWNER, secretAccessKey: "guessed-wrongly" }],
    ["an unknown key", { ...OWNER, accessKeyId: "NOBODY" }],
  ])("refuses %s at once, whatever is asked, and no message repeats it", async (_what, user) => {
    const backend = await open(gateway.url, bucket, "x", { user });
    for (const call of callsOf(backend)) {
      const { code, transient, text } = await failure(call());
      expect(code).toBe("STORAGE_CREDENTIALS_REFUSED");
      expect(transient).toBe(false);
      expect(text).not.toContain(user.secretAccessKey);
    }
  });

  test("that is somebody else's gives no permission", async () => {
    const backend = await open(gateway.url, bucket, "x", { user: OTHER });
    expect(await failure(backend.stat(CONFIG, unaborted()))).toMatchObject({
      code: "STORAGE_PERMISSION",
      transient: false,
    });
    expect(await failure(put(backend, sampleFile("pack", 100)))).toMatchObject({ code: "STORAGE_PERMISSION" });
  });

  test("that does not exist is said to be missing, whatever is asked", async () => {
    const backend = await open(gateway.url, "no-such-bucket", "x");
    for (const call of callsOf(backend)) {
      expect(await failure(call())).toMatchObject({ code: "STORAGE_NO_PLACE", transient: false });
    }
  });

  test("whose quota is full is full, and keeps what it has", async () => {
    const small = await makeBucket(client);
    await gateway.admin("quota", "set", "--quota-scope=bucket", `--bucket=${small}`, "--max-objects=3");
    await gateway.admin("quota", "enable", "--quota-scope=bucket", `--bucket=${small}`);
    const backend = await open(gateway.url, small, "x");
    const files = Array.from({ length: 12 }, (_, seed) => sampleFile("pack", 1000, seed));
    const outcomes = [];
    for (const file of files) outcomes.push(await failure(put(backend, file)));
    expect(outcomes.some(({ code }) => code === "STORAGE_FULL")).toBe(true);
    for (const [i, file] of files.entries()) {
      if (outcomes[i]?.code === "it succeeded") expectBytes(await get(backend, file.key), file.bytes);
      else expect(await backend.stat(file.key, unaborted())).toBeUndefined();
    }
  });

  test.each([300_000, 12 * MIB])(
    "whose connection is cut in a save of %i bytes has nothing of it, and takes it the next time",
    async (size) => {
      const backend = await openWith(proxyUrl(), bucket);
      const file = sampleFile("pack", size, 77);
      proxy.choose = () => ({ kind: "cut", direction: "up", afterBytes: 200_000 });
      expect(await failure(put(backend, file))).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
      proxy.choose = () => undefined;
      // Its connections keep the fault that they have.
      const again = await openWith(proxyUrl(), bucket);
      expect(await again.stat(file.key, unaborted())).toBeUndefined();
      await put(again, file);
      expectBytes(await get(again, file.key), file.bytes);
    },
  );

  test.each(["cut", "truncate"] as const)("whose answer is %s hands over nothing that is not whole", async (kind) => {
    const file = sampleFile("pack", 2 * MIB, 81);
    await put(await openWith(gateway.url, bucket), file);
    const backend = await openWith(proxyUrl(), bucket);
    proxy.choose = () => ({ kind, direction: "down", afterBytes: MIB });
    expect(await failure(get(backend, file.key))).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
    proxy.choose = () => undefined;
    expectBytes(await get(backend, file.key), file.bytes);
  });

  test("that falls silent is given up, and may be tried again", async () => {
    const backend = await openWith(proxyUrl(), bucket, { patience: { progressMs: 400, answerMs: 400 } });
    proxy.choose = () => ({ kind: "stall", direction: "up", afterBytes: 0 });
    expect(await failure(backend.stat(CONFIG, unaborted()))).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      transient: true,
    });
  });

  test("is used as soon as its clock is known, however wrong ours is", async () => {
    const backend = await openWith(gateway.url, bucket, { clockOffsetMs: 3 * 60 * 60 * 1000 });
    const file = sampleFile("pack", 1000, 78);
    expect(await failure(put(backend, file))).toMatchObject({ transient: true });
    await put(backend, file);
    expectBytes(await get(backend, file.key), file.bytes);
  });

  test("holds large files that come in parts, whatever the chunks of the body are", async () => {
    const backend = await openWith(gateway.url, bucket);
    for (const size of [5 * MIB, 5 * MIB + 1, 15 * MIB, 17 * MIB + 5]) {
      const { key, bytes } = sampleFile("pack", size, size);
      const chunks = Array.from({ length: Math.ceil(size / 700_001) }, (_, i) =>
        bytes.subarray(i * 700_001, (i + 1) * 700_001),
      );
      await backend.save(key, bytesSource(...chunks), unaborted());
      expectBytes(await get(backend, key), bytes);
      expect(await backend.stat(key, unaborted())).toMatchObject({ sizeBytes: size });
    }
  });

  test.each([1, 9])("keeps nothing of an upload in parts that was aborted after %i MiB, nor its parts", async (mib) => {
    const backend = await openWith(gateway.url, bucket);
    const { key, bytes } = sampleFile("pack", 16 * MIB, 79);
    const aborter = new AbortController();
    const reason = new Error("stopped by the test");
    let passes = 0;
    async function* aborting(): AsyncGenerator<Uint8Array> {
      passes++;
      for (let at = 0; at < bytes.length; at += MIB) {
        if (passes > 1 && at === mib * MIB) aborter.abort(reason);
        yield bytes.subarray(at, at + MIB);
      }
    }
    const saving = backend.save(key, { sizeBytes: bytes.length, open: aborting }, { signal: aborter.signal });
    expect(await saving.catch((error: unknown) => error)).toBe(reason);
    expect(await backend.stat(key, unaborted())).toBeUndefined();
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  test("gives every file once when its list has many pages", async () => {
    const backend = await open(gateway.url, bucket, "many");
    const names = Array.from({ length: 2600 }, (_, seed) => sampleFile("pack", 8, seed).key.name);
    for (let at = 0; at < names.length; at += 50) {
      const some = names.slice(at, at + 50);
      await Promise.all(
        some.map((name) => backend.save({ type: "pack", name }, bytesSource(new Uint8Array(3)), unaborted())),
      );
    }
    const listed: string[] = [];
    for await (const { name } of backend.list("pack", unaborted())) listed.push(name);
    expect(listed.toSorted()).toEqual([...new Set(names)].toSorted());
    const { KeyCount } = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: "many/data/", MaxKeys: 5 }),
    );
    expect(KeyCount).toBe(5);
  });

  test("says when it received a file", async () => {
    const backend = await open(gateway.url, bucket, "times");
    const file = sampleFile("snapshot", 100);
    const beforeMs = Date.now() - 2000;
    await put(backend, file);
    const info = await backend.stat(file.key, unaborted());
    expect(info?.receivedAtMs).toBeGreaterThan(beforeMs);
    expect(backend.capabilities.serverTime).toBe(true);
  });
});

/** A server of HTTP that answers as it is told. */
async function withServer(
  answer: (path: string, host: string) => { status: number; headers?: Record<string, string>; body?: string },
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    const { status, headers = {}, body = "" } = answer(request.url ?? "", request.headers.authorization ?? "");
    response.writeHead(status, headers).end(request.method === "HEAD" ? "" : body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("a server", () => {
  test("that has the bucket in another region is asked there, where no region was given", async () => {
    const elsewhere = { "x-amz-bucket-region": "eu-north-1" };
    await withServer(
      (_path, authorization) =>
        authorization.includes("/eu-north-1/s3/")
          ? { status: 200, headers: { "content-length": "155" } }
          : { status: 400, headers: elsewhere },
      async (url) => {
        expect(await (await open(url, "bucket", "x")).stat(CONFIG, unaborted())).toMatchObject({ sizeBytes: 155 });
        const fixed = await open(url, "bucket", "x", { options: { "s3.region": "us-west-2" } });
        const { code } = await failure(fixed.stat(CONFIG, unaborted()));
        expect(code).toBe("STORAGE_FAILED");
      },
    );
  });

  test("that says where the bucket is has its word repeated", async () => {
    await withServer(
      () => ({
        status: 301,
        headers: { "x-amz-bucket-region": "eu-north-1" },
        body: "<Error><Code>PermanentRedirect</Code></Error>",
      }),
      async (url) => {
        const backend = await open(url, "bucket", "x", { options: { "s3.region": "us-west-2" } });
        const { code, text } = await failure(get(backend, CONFIG));
        expect(code).toBe("STORAGE_FAILED");
        expect(text).toContain("-o s3.region=eu-north-1");
      },
    );
  });

  test.each([
    [500, true],
    [503, true],
    [429, true],
    [501, false],
    [418, false],
  ])("that answers %i may answer otherwise later: %j", async (status, transient) => {
    await withServer(
      () => ({ status, body: "<html>odd</html>" }),
      async (url) => {
        const backend = await open(url, "bucket", "x");
        expect(await failure(get(backend, CONFIG))).toMatchObject({ transient });
        expect(await failure(put(backend, sampleFile("pack", 100)))).toMatchObject({ transient });
      },
    );
  });

  test("that sends less or more than it was asked for is not believed", async () => {
    await withServer(
      () => ({ status: 206, headers: { "content-range": "bytes 0-9/100" }, body: "0123456789" }),
      async (url) => {
        const backend = await open(url, "bucket", "x");
        const load = backend.load(CONFIG, { offset: 0, length: 20 }, async () => "reached", unaborted());
        expect(await failure(load)).toMatchObject({ code: "STORAGE_RANGE" });
        const other = backend.load(CONFIG, { offset: 5, length: 5 }, async () => "reached", unaborted());
        expect((await failure(other)).code).not.toBe("it succeeded");
      },
    );
  });

  test("that is not there may come", async () => {
    const backend = await open("http://127.0.0.1:1", "bucket", "x");
    expect(await failure(backend.stat(CONFIG, unaborted()))).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      transient: true,
    });
  });
});

test("without credentials says so, and how to give them", async () => {
  const variables = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  const backend = await open("http://127.0.0.1:1", "bucket", "x", { variables });
  const { code, transient, text } = await failure(backend.stat(CONFIG, unaborted()));
  expect(code).toBe("STORAGE_NO_CREDENTIALS");
  expect(transient).toBe(false);
  expect(text).toContain("AWS_ACCESS_KEY_ID");
});
