/** Several threads on one index while it grows from its smallest size. */
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { hashInto, idOf } from "../format/id.ts";
import { BlobIndex, type SharedBlobIndex } from "./blob-index.ts";

interface Task {
  readonly shared: SharedBlobIndex;
  readonly ids: SharedArrayBuffer;
  readonly stored: number;
  readonly total: number;
  readonly seed: number;
}

interface Report {
  /** Positions in `ids` that this thread was granted. */
  readonly claimed: number[];
  /** Lookups of stored blobs that did not give their own entry and location. */
  readonly wrong: number;
}

// What a thread does. Plain text, because it runs in a worker without the test runner.
const RACE = `
const { parentPort, workerData } = require("node:worker_threads");
const { module, shared, stored, total, seed } = workerData;
import(module).then(({ BlobIndex }) => {
  const index = BlobIndex.attach(shared);
  const ids = new Uint8Array(workerData.ids);
  const claimed = [];
  let wrong = 0;
  let random = seed;
  const next = (below) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * below);
  };
  const claim = (position) => {
    if (index.claim("data", ids, position * 32)) claimed.push(position);
  };
  for (let round = 0; round < 2 * total; round++) {
    claim(stored + next(total - stored));
    const known = next(stored);
    if (index.entryOf("data", ids, known * 32) !== known) wrong++;
    if (index.find("data", ids, known * 32)?.offset !== known) wrong++;
  }
  for (let position = stored; position < total; position++) claim(position);
  parentPort.postMessage({ claimed, wrong });
});`;

function runRace(task: Task): Promise<Report> {
  const module = new URL("./blob-index.ts", import.meta.url).href;
  return new Promise((resolve, reject) => {
    const worker = new Worker(RACE, { eval: true, workerData: { ...task, module } });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

test("each id is claimed by exactly one of four threads; stored blobs stay found while the index grows", async () => {
  const total = 60_000;
  const stored = 500;
  const ids = new SharedArrayBuffer(total * 32);
  const bytes = new Uint8Array(ids);
  for (let n = 0; n < total; n++) hashInto(Buffer.from(String(n)), bytes, n * 32);
  const index = BlobIndex.create();
  const pack = index.addPack(idOf(Buffer.from("pack")));
  for (let n = 0; n < stored; n++) index.add("data", bytes, n * 32, pack, n, 1, 1);
  const reports = await Promise.all(
    [1, 2, 3, 4].map((seed) => runRace({ shared: index.shared, ids, stored, total, seed })),
  );
  expect(reports.map((report) => report.wrong)).toEqual([0, 0, 0, 0]);
  const claims = reports.flatMap((report) => report.claimed);
  expect(claims).toHaveLength(total - stored);
  expect(new Set(claims).size).toBe(total - stored);
  expect(index.count).toBe(total);
  for (let n = 0; n < total; n++) expect(index.has("data", bytes, n * 32)).toBe(true);
});
