/**
 * The index at size: 300,000 blobs, or with HOLDFAST_SCALE=1 ten million. Prints what it measured, asserts memory only.
 */
import { expect, test } from "vitest";
import { idOf } from "../format/id.ts";
import { BlobIndex } from "./blob-index.ts";

const BLOBS = process.env["HOLDFAST_SCALE"] === "1" ? 10_000_000 : 300_000;
const BLOBS_PER_PACK = 100;
const LOOKUPS = 300_000;

/** Ids that are as random as SHA-256, cheaply and repeatably: a mixed counter in every word. */
function writeTestId(n: number, out: Uint8Array): void {
  let state = Math.imul(n + 1, 0x9e3779b1);
  for (let at = 0; at < 32; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) ^ n;
    out[at] = state;
    out[at + 1] = state >>> 8;
    out[at + 2] = state >>> 16;
    out[at + 3] = state >>> 24;
  }
}

test(`${BLOBS} blobs take at most 65 bytes each and all are found`, { timeout: 300_000 }, () => {
  const before = process.memoryUsage().rss;
  const index = BlobIndex.create();
  const id = new Uint8Array(32);
  let pack = -1;
  const addedAt = performance.now();
  for (let n = 0; n < BLOBS; n++) {
    if (n % BLOBS_PER_PACK === 0) pack = index.addPack(idOf(Buffer.from(`pack ${n}`)));
    writeTestId(n, id);
    index.add(n % 10 === 0 ? "tree" : "data", id, 0, pack, n % BLOBS_PER_PACK, 100, 200);
  }
  const lookedUpAt = performance.now();
  let found = 0;
  for (let turn = 0; turn < LOOKUPS; turn++) {
    const n = (Math.imul(turn, 0x9e3779b1) >>> 0) % BLOBS;
    writeTestId(n, id);
    if (index.find(n % 10 === 0 ? "tree" : "data", id, 0)?.offset === n % BLOBS_PER_PACK) found++;
  }
  const missedAt = performance.now();
  let missed = 0;
  for (let turn = 0; turn < LOOKUPS; turn++) {
    writeTestId(BLOBS + turn, id);
    if (!index.has("data", id, 0)) missed++;
  }
  const endedAt = performance.now();
  expect(index.count).toBe(BLOBS);
  expect(found).toBe(LOOKUPS);
  expect(missed).toBe(LOOKUPS);
  const perBlob = index.allocatedBytes / BLOBS;
  console.log(
    [
      `${BLOBS} blobs: ${perBlob.toFixed(1)} B allocated per blob`,
      `RSS ${Math.round(before / 1e6)} -> ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
      `add ${Math.round(((lookedUpAt - addedAt) * 1e6) / BLOBS)} ns`,
      `find ${Math.round(((missedAt - lookedUpAt) * 1e6) / LOOKUPS)} ns`,
      `miss ${Math.round(((endedAt - missedAt) * 1e6) / LOOKUPS)} ns`,
    ].join(", "),
  );
  expect(perBlob).toBeLessThan(65);
});
