/** Servers that do not want to answer now, and say until when. They are stand-ins: no real one can be made to say so. */
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NO_SURROUNDINGS, type Surroundings, openBackend } from "../../src/location.ts";
import { get, put, unaborted } from "../../src/testing/conformance-subject.ts";
import { sampleFile } from "../../src/testing/sample-files.ts";

let answer = (response: ServerResponse): unknown => response.writeHead(500).end();
const server = createServer((_request, response) => answer(response));
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function surroundings(): Surroundings {
  const set: Record<string, string> = {
    AZURE_ACCOUNT_NAME: "account",
    AZURE_ACCOUNT_KEY: Buffer.from("key").toString("base64"),
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
  };
  const options: Record<string, string> = { "azure.endpoint": `http://127.0.0.1:${port}/account` };
  return { ...NO_SURROUNDINGS, variable: (name) => set[name], option: (name) => options[name] };
}

const PLACES = [
  () => `rest:http://127.0.0.1:${port}/x/`,
  () => `webdav:http://127.0.0.1:${port}/x/`,
  () => "azure:backups:/x",
  () => `s3:http://127.0.0.1:${port}/bucket/x`,
];

test.each(PLACES)("a server that is busy says for how long, whoever asks: %s", async (place) => {
  const { key } = sampleFile("pack", 100);
  for (const [status, after, expectedMs] of [
    [429, () => "30", 30_000],
    [503, () => new Date(Date.now() + 90_500).toUTCString(), 90_000],
    [503, undefined, undefined],
  ] as const) {
    answer = (response) => response.writeHead(status, after === undefined ? {} : { "retry-after": after() }).end();
    const backend = await openBackend(place(), surroundings());
    const calls = [
      () => get(backend, key),
      () => put(backend, sampleFile("pack", 100)),
      () => backend.stat(key, unaborted()),
      () => backend.remove(key, unaborted()),
      () => Array.fromAsync(backend.list("pack", unaborted())),
    ];
    for (const call of calls) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
      const asked = (error as { details: { retryAfterMs?: number } }).details.retryAfterMs;
      if (expectedMs === undefined) expect(asked).toBeUndefined();
      else expect(Math.abs((asked ?? 0) - expectedMs)).toBeLessThan(2000);
    }
    await backend.close();
  }
});
