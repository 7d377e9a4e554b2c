import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { idFromBytes } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { PresentSample } from "./present-sample.ts";

const SLOTS = 1024;

function stored(index: BlobIndex, count: number): Uint8Array[] {
  const pack = index.addPack(idFromBytes(randomBytes(32)));
  return Array.from({ length: count }, (_, n) => {
    const id = new Uint8Array(randomBytes(32));
    index.add("data", id, 0, pack, n * 100, 100, 0);
    return id;
  });
}

test("keeps the blobs with the smallest draws, whichever thread met them", () => {
  const index = BlobIndex.create();
  const ids = stored(index, 5000);
  const sample = PresentSample.create();
  const other = PresentSample.attach(sample.shared);
  sample.begin(1);
  // Neither in order nor in reverse.
  const draws = ids.map((_, n) => (n * 2_654_435_761) % 2 ** 32);
  for (const [n, id] of ids.entries()) (n % 2 === 0 ? sample : other).offer("data", id, index, draws[n]);
  const expected = ids
    .map((id, n) => ({ id: idFromBytes(id), draw: draws[n] as number }))
    .sort((a, b) => a.draw - b.draw)
    .slice(0, SLOTS);
  expect(sample.blobs().map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
});

test("takes no blob of a pack that came later, and none that is only claimed; each once", () => {
  const index = BlobIndex.create();
  const [old] = stored(index, 1) as [Uint8Array];
  const sample = PresentSample.create();
  sample.begin(1);
  const [own] = stored(index, 1) as [Uint8Array];
  const claimed = new Uint8Array(randomBytes(32));
  index.claim("data", claimed, 0);
  for (let n = 0; n < 10; n++) for (const id of [old, own, claimed]) sample.offer("data", id, index);
  expect(sample.blobs()).toEqual([{ type: "data", id: idFromBytes(old) }]);
});
