import { describe, expect, test } from "vitest";
import { parseFileList, parseFilePatterns, parseRawFileList } from "./file-list.ts";

test("patterns are trimmed, comments and empty lines left out, dollar signs kept", () => {
  expect(parseFilePatterns(Buffer.from(" /a/* \n#x\n\n/b$HOME"))).toEqual(["/a/*", "/b$HOME"]);
});

test("verbatim lines are kept as they are, without empty ones", () => {
  expect(parseFileList(Buffer.from(" /a/* \r\n#x\n\n/b\udcff\n", "utf8"))).toEqual([" /a/* ", "#x", "/b\ufffd"]);
  expect(parseFileList(Uint8Array.of(0x62, 0xfe))).toEqual(["b\udcfe"]);
});

describe("raw lists", () => {
  test("paths may hold anything but NUL", () => {
    expect(parseRawFileList(Buffer.from(" /a\nb\0\xff\0", "latin1"))).toEqual([" /a\nb", "\udcff"]);
    expect(parseRawFileList(new Uint8Array(0))).toEqual([]);
  });

  test.for(["a", "a\0b", "\0", "a\0\0"])("%j is refused", (text) => {
    expect(() => parseRawFileList(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: "ENGINE_FILE_LIST_INVALID" }),
    );
  });
});
