import { describe, expect, test } from "vitest";
import { TreePackCache, type LoadedPack } from "./tree-pack-cache.ts";

/** A cache of 100 bytes whose loads finish when the test says so. */
function cache(): {
  packs: TreePackCache;
  loads: number[];
  finish: (pack: number, bytes: number | undefined) => Promise<void>;
} {
  const loads: number[] = [];
  const waiting = new Map<number, (loaded: LoadedPack) => void>();
  const packs = new TreePackCache({
    maxBytes: 100,
    load: (pack) => {
      loads.push(pack);
      return new Promise((resolve) => waiting.set(pack, resolve));
    },
  });
  const finish = async (pack: number, bytes: number | undefined): Promise<void> => {
    waiting.get(pack)?.(bytes === undefined ? undefined : new SharedArrayBuffer(bytes));
    await packs.get(pack);
  };
  return { packs, loads, finish };
}

describe("tree packs for all workers", () => {
  test("one that several ask for is loaded once, also one that cannot be read", async () => {
    const { packs, loads, finish } = cache();
    const both = [packs.get(1), packs.get(1)];
    await finish(1, 10);
    expect((await Promise.all(both)).map((bytes) => bytes?.byteLength)).toEqual([10, 10]);
    void packs.get(2);
    await finish(2, undefined);
    expect(await packs.get(2)).toBeUndefined();
    expect(loads).toEqual([1, 2]);
  });

  test("the oldest are dropped when there is no room", async () => {
    const { packs, loads, finish } = cache();
    for (const pack of [1, 2, 3]) {
      void packs.get(pack);
      await finish(pack, 40);
    }
    void packs.get(2);
    void packs.get(3);
    expect(loads).toEqual([1, 2, 3]);
    void packs.get(1);
    expect(loads).toEqual([1, 2, 3, 1]);
  });

  test("one larger than the cache is served while another is still on its way", async () => {
    const { packs, finish } = cache();
    const large = packs.get(1);
    const other = packs.get(2);
    await finish(1, 500);
    expect((await large)?.byteLength).toBe(500);
    await finish(2, 500);
    expect((await other)?.byteLength).toBe(500);
  });
});
