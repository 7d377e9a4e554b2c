import { describe, expect, test } from "vitest";
import { CACHE_TAG, parseSizeBytes, parseTagFile } from "./exclude-rules.ts";

describe("sizes", () => {
  test.for([
    ["0", 0],
    ["2048", 2048],
    ["17b", 17],
    ["1k", 1024],
    ["10K", 10_240],
    ["20m", 20 * 1024 ** 2],
    ["30G", 30 * 1024 ** 3],
    ["2T", 2 * 1024 ** 4],
    ["+5", 5],
    ["8388607T", 8388607 * 1024 ** 4],
  ] as const)("%s is %d bytes", ([text, bytes]) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  test.for(["", "k", "1.5m", "-1", "1kb", "1 k", "0x10", "1e3", "8388608T", "9223372036854775808"])(
    "%j is not a size",
    (text) => {
      expect(() => parseSizeBytes(text)).toThrow(expect.objectContaining({ code: "ENGINE_SIZE_INVALID" }));
    },
  );
});

describe("tag files", () => {
  test.for([
    [".nobackup", { name: ".nobackup" }],
    [".nobackup:", { name: ".nobackup" }],
    ["TAG:a: b", { name: "TAG", header: "a: b" }],
    ["CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55", CACHE_TAG],
  ] as const)("%j", ([text, tag]) => {
    expect(parseTagFile(text)).toEqual(tag);
  });

  test.for(["", ":", ":header"])("%j names no file", (text) => {
    expect(() => parseTagFile(text)).toThrow(expect.objectContaining({ code: "ENGINE_TAG_FILE_INVALID" }));
  });
});
