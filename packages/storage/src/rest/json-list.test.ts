import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJsonList } from "./json-list.ts";

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

async function read(text: string, size = 7): Promise<unknown[]> {
  return (await Array.fromAsync(readJsonList(cut(text, size), "l"))).flat();
}

describe("a listing", () => {
  test("comes out as it went in, however it is cut into chunks", async () => {
    const entries = fc.array(fc.record({ name: fc.string({ unit: "grapheme" }), size: fc.nat() }));
    const property = fc.asyncProperty(
      entries,
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      async (list, size, isWide) => {
        expect(await read(JSON.stringify(list, null, isWide ? 2 : undefined), size)).toEqual(list);
      },
    );
    await fc.assert(property);
  });

  test("of 300,000 files is never held as a whole", async () => {
    const entry = (i: number): string => `{"name":"${i.toString(16).padStart(64, "0")}","size":${i}}`;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("[");
      for (let i = 0; i < 300_000; i += 500) {
        const text = Array.from({ length: 500 }, (_, k) => entry(i + k)).join(",");
        yield Buffer.from(i === 0 ? text : `,${text}`);
      }
      yield Buffer.from("]\n");
    }
    let total = 0;
    let longest = 0;
    for await (const lot of readJsonList(endless(), "l")) {
      total += lot.length;
      longest = Math.max(longest, lot.length);
    }
    expect(total).toBe(300_000);
    expect(longest).toBeLessThan(1100);
  });

  test("that Go writes as null is empty", async () => {
    expect(await read("null\n")).toEqual([]);
  });

  test.each(["", "[", '[{"name":"a","size":1}', '[{"name":"a"},{"na', "{}", "<html>", '[{"a":1}]]'])(
    "that is no list, or not all of one, is an error: %s",
    async (text) => {
      await expect(read(text)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    },
  );
});
