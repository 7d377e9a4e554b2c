import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256 } from "../../src/testing/sample-files.ts";
import { unaborted } from "../../src/testing/conformance-subject.ts";
import { openIn } from "./s3-subject.ts";

const PREFIX = "folder/data/";

/** Names of packs, in the order in which a server lists them. */
const names = Array.from({ length: 100_000 }, (_, i) => sha256(Buffer.from(String(i)))).toSorted();
const keys = names.map((name) => `${PREFIX}${name.slice(0, 2)}/${name}`);

/**
 * A server that knows one long list, as making 100,000 objects takes minutes on a real one. It answers each page after the time
 * that a distant server takes.
 */
describe("a list of 100,000 files", () => {
  let pages = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://localhost");
    pages++;
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    setTimeout(() => {
      atOnce--;
      response.end(pageOf(searchParams));
    }, 20);
  });

  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  test("has each once, by pages of which several are asked for at once", async () => {
    const backend = await openIn(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "bucket", "folder");
    const listed: string[] = [];
    for await (const { name } of backend.list("pack", unaborted())) listed.push(name);
    expect(listed.length).toBe(names.length);
    expect(listed.toSorted()).toEqual(names);
    expect(pages).toBeLessThan(120);
    expect(mostAtOnce).toBe(8);
    await backend.close();
  });

  test("that nobody reads to its end stops asking", async () => {
    const backend = await openIn(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, "bucket", "folder");
    pages = 0;
    let count = 0;
    for await (const { sizeBytes } of backend.list("pack", unaborted())) if ((count += sizeBytes) === 1500) break;
    await backend.close();
    expect(pages).toBeLessThan(20);
  });
});

/** One page of the list, as a server of S3 writes it. */
function pageOf(query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const start = firstAfter(after > prefix ? after : prefix);
  const found: string[] = [];
  for (let i = start; i < keys.length && found.length < 1001 && keys[i]?.startsWith(prefix); i++)
    found.push(keys[i] ?? "");
  const page = found.slice(0, 1000);
  const next = found.length > 1000 ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : "";
  const contents = page.map(
    (key) =>
      `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>`,
  );
  const head = `<IsTruncated>${found.length > 1000}</IsTruncated><Prefix>${prefix}</Prefix>${next}`;
  return `<ListBucketResult>${head}${contents.join("")}</ListBucketResult>`;
}

/** The index of the first key after `text`. */
function firstAfter(text: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") <= text) low = middle + 1;
    else high = middle;
  }
  return low;
}
