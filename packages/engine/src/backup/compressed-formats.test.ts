import { randomBytes } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isCompressedAlready } from "./compressed-formats.ts";

const text = Buffer.from("what is written in a manual ".repeat(100));

describe("what a compressor has made", () => {
  test.each([
    ["gzip", gzipSync(text)],
    ["Zstandard", zstdCompressSync(text)],
    ["xz", Buffer.from("fd377a585a000004", "hex")],
    ["bzip2", Buffer.from("425a683931415926", "hex")],
    ["LZ4", Buffer.from("04224d1864404742", "hex")],
  ])("is known by its beginning: %s", (_, bytes) => {
    expect(isCompressedAlready(bytes)).toBe(true);
  });

  test.each([
    ["text", text],
    ["nothing", new Uint8Array()],
    ["the first bytes of a beginning", Buffer.from("1f8b", "hex")],
    ["another method of gzip", Buffer.from("1f8b00", "hex")],
  ])("is not %s", (_, bytes) => {
    expect(isCompressedAlready(bytes)).toBe(false);
  });

  test("is not believed of a large blob, which may only pretend", () => {
    const large = Buffer.concat([gzipSync(randomBytes(10)), Buffer.alloc(100_000)]);
    expect(isCompressedAlready(large)).toBe(false);
  });
});
