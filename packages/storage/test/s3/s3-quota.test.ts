/** A quota that is used up, and servers that ask to be left alone. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { expectBytes, expectCode, get, put, unaborted } from "../../src/testing/conformance-subject.ts";
import { CephGateway, OTHER, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { sampleFile } from "../../src/testing/sample-files.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn } from "./s3-subject.ts";

const MIB = 1024 * 1024;

describe.skipIf(!hasCeph())("a user of Ceph's gateway", () => {
  test("whose quota is used up is told so at once, and nothing half is left", async () => {
    const gateway = await CephGateway.start();
    try {
      const client = rawS3Client(gateway.url, OTHER);
      const bucket = await makeBucket(client);
      await gateway.admin("quota", "set", "--quota-scope=user", `--uid=${OTHER.name}`, `--max-size=${2 * MIB}`);
      await gateway.admin("quota", "enable", "--quota-scope=user", `--uid=${OTHER.name}`);
      const backend = await openIn(gateway.url, bucket, "full", { user: OTHER });
      const fits = sampleFile("pack", MIB, 1);
      await put(backend, fits);
      const large = sampleFile("pack", 3 * MIB, 2);
      const error: unknown = await put(backend, large).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "STORAGE_FULL", transient: false });
      expect(await backend.stat(large.key, unaborted())).toBeUndefined();
      expectBytes(await get(backend, fits.key), fits.bytes);
      await backend.close();
      client.destroy();
    } finally {
      await gateway.stop();
    }
  }, 60_000);
});

test("a bucket that asks to slow down is left alone for as long as it says", async () => {
  // A stand-in that answers as AWS does.
  const server = createServer((_request, response) => {
    response.writeHead(503, { "retry-after": "7" }).end("<Error><Code>SlowDown</Code></Error>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const backend = await openIn(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "bucket", "x");
  const error: unknown = await get(backend, sampleFile("pack", 1).key).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true, details: { retryAfterMs: 7000 } });
  await expectCode(put(backend, sampleFile("pack", 10)), "STORAGE_UNAVAILABLE");
  await backend.close();
  await new Promise((resolve) => server.close(resolve));
});
