import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareNames, decodePath, displayPath, encodePath, fsPath } from "./path-bytes.ts";

/** Bytes that are near-valid UTF-8 far more often than random ones: pieces of valid text, cut and damaged. */
const nameBytes = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }).map((text) => Buffer.from(text, "utf8")),
      fc.uint8Array({ maxLength: 3 }),
      fc.constantFrom(
        ...[
          [0xed, 0xa0, 0x80],
          [0xed, 0xb2, 0x80],
          [0xc0, 0x80],
          [0xf4, 0x90, 0x80, 0x80],
          [0xf0, 0x9f],
          [0xe2, 0x82],
        ].map((bytes) => Uint8Array.from(bytes)),
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts));

describe("decodePath and encodePath", () => {
  test("any bytes round-trip", () => {
    fc.assert(
      fc.property(nameBytes, (bytes) => {
        expect(Buffer.from(encodePath(decodePath(bytes)))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test("valid UTF-8 decodes to the plain string, and only that is well-formed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodePath(Buffer.from(text, "utf8"))).toBe(text);
        expect(text.isWellFormed()).toBe(true);
      }),
    );
  });

  test.each<[string, number[], string]>([
    ["a Latin-1 name", [0x66, 0xfc, 0x72], "f\udcfcr"],
    ["an overlong NUL", [0xc0, 0x80], "\udcc0\udc80"],
    ["an encoded surrogate", [0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    ["past U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    ["a cut sequence before a good one", [0xe2, 0x82, 0xc3, 0xa9], "\udce2\udc82é"],
    ["a cut sequence at the end", [0x61, 0xf0, 0x9f, 0x98], "a\udcf0\udc9f\udc98"],
    ["a byte order mark", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
  ])("%s", (_name, bytes, text) => {
    expect(decodePath(Uint8Array.from(bytes))).toBe(text);
    expect([...encodePath(text)]).toEqual(bytes);
  });

  test("a view into a larger buffer decodes only itself", () => {
    const whole = Uint8Array.from([0x41, 0xff, 0x42, 0x43]);
    expect(decodePath(whole.subarray(1, 3))).toBe("\udcffB");
  });

  test.each(["\ud800", "a\udc00", "\udc7f", "\ud83d\udcff\ud83d"])(
    "a surrogate that stands for no byte is refused",
    (path) => {
      expect(() => encodePath(path)).toThrow(expect.objectContaining({ code: "ENGINE_INVALID_PATH" }));
    },
  );
});

describe("fsPath", () => {
  test("a plain path stays the same string", () => {
    expect(fsPath("/srv/bücher/😀")).toBe("/srv/bücher/😀");
  });

  test("an escaped path becomes its bytes", () => {
    expect(fsPath("/a/\udcff")).toEqual(Buffer.from([0x2f, 0x61, 0x2f, 0xff]));
  });
});

describe("compareNames", () => {
  test("orders as the bytes do", () => {
    fc.assert(
      fc.property(nameBytes, nameBytes, nameBytes, (prefix, restA, restB) => {
        const [a, b] = [Buffer.concat([prefix, restA]), Buffer.concat([prefix, restB])];
        expect(Math.sign(compareNames(decodePath(a), decodePath(b)))).toBe(Buffer.compare(a, b));
      }),
      { numRuns: 3000 },
    );
  });

  test("U+FFFD sorts before an emoji, which `<` gets wrong", () => {
    expect(compareNames("\ufffd", "😀")).toBeLessThan(0);
    expect("\ufffd" < "😀").toBe(false);
  });
});

describe("displayPath", () => {
  test.each([
    ["plain text stays", "/home/ü/😀 a\\x2db", "/home/ü/😀 a\\x2db"],
    ["an emoji of joined parts stays", "👩\u200d🚀", "👩\u200d🚀"],
    ["a line feed", "a\nb", "a\\nb"],
    ["a terminal escape", "\u001b[31m", "\\x1b[31m"],
    ["a C1 control", "\u009b", "\\x9b"],
    ["a byte that is not UTF-8", "f\udcfcr", "f\\xfcr"],
    ["a direction override", "a\u202egpj", "a\\u{202e}gpj"],
    ["a line separator", "a\u2028b", "a\\u{2028}b"],
  ])("%s", (_name, path, shown) => {
    expect(displayPath(path)).toBe(shown);
  });
});
