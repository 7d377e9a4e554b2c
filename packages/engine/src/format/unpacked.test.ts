import { zstdCompressSync } from "node:zlib";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodeUnpacked, encodeUnpacked } from "./unpacked.ts";

const MAX = 100_000;

describe("unpacked documents", () => {
  test("round-trip in both versions", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(1 as const, 2 as const), (value, version) => {
        const json = Buffer.from(`{"x":${value}}`);
        expect(Buffer.from(decodeUnpacked(encodeUnpacked(json, version), MAX))).toEqual(json);
      }),
    );
  });

  test("version 1 stores the JSON itself, version 2 the byte 2 and zstd", () => {
    const json = Buffer.from(`{"x":"${"a".repeat(1000)}"}`);
    expect(encodeUnpacked(json, 1)).toBe(json);
    const stored = encodeUnpacked(json, 2);
    expect(stored[0]).toBe(2);
    expect(stored.length).toBeLessThan(100);
  });

  test("results do not share memory: a later document does not change an earlier one", () => {
    const first = encodeUnpacked(Buffer.from('{"first":1}'), 2);
    const copy = Uint8Array.from(first);
    encodeUnpacked(Buffer.from('{"second":2}'), 2);
    expect(first).toEqual(copy);
  });

  test("bare JSON is read in any version", () => {
    expect(decodeUnpacked(Buffer.from("[1]"), MAX)).toEqual(Buffer.from("[1]"));
  });

  test.for(["", "\x00", "\x01{}", "\x03{}", " {}"])("%j is an unknown encoding", (text) => {
    expect(() => decodeUnpacked(Buffer.from(text), MAX)).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
  });

  test("a document that grows past the bound, or is not zstd, is refused", () => {
    const bomb = Buffer.concat([Uint8Array.of(2), zstdCompressSync(Buffer.alloc(MAX + 1))]);
    for (const bytes of [bomb, bomb.subarray(0, 12), Buffer.from("\x02not zstd")]) {
      expect(() => decodeUnpacked(bytes, MAX)).toThrow(expect.objectContaining({ code: "ENGINE_DECOMPRESS" }));
    }
  });
});
