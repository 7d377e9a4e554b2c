import { expect, test } from "vitest";
import { PackBytesCache } from "./pack-bytes-cache.ts";

const bytes = (size: number): SharedArrayBuffer => new SharedArrayBuffer(size);

test("packs are kept up to a size, and those that were not used for longest go first", () => {
  const cache = new PackBytesCache(100);
  for (const pack of [1, 2, 3]) cache.set(pack, bytes(33));
  expect(cache.get(1)?.length).toBe(33);
  cache.set(4, bytes(33));
  expect([1, 2, 3, 4].map((pack) => cache.get(pack) !== undefined)).toEqual([true, false, true, true]);
});

test("a pack larger than the cache is kept alone, until another comes", () => {
  const cache = new PackBytesCache(100);
  cache.set(1, bytes(50));
  cache.set(2, bytes(500));
  expect(cache.get(1)).toBeUndefined();
  expect(cache.get(2)?.length).toBe(500);
  cache.set(3, bytes(100));
  expect([2, 3].map((pack) => cache.get(pack) !== undefined)).toEqual([false, true]);
});
