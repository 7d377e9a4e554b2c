import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePath } from "../filesystem/path-bytes.ts";
import { characterAt, toByteText, toLowerCase } from "./byte-text.ts";

const likelyByte = fc.constantFrom(0x61, 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xf0, 0xf4);
const bytes = fc.array(fc.oneof(fc.nat(255), likelyByte), { maxLength: 12 });

test("the byte text of a path has one character for each byte", () => {
  fc.assert(
    fc.property(bytes, (list) => {
      expect(toByteText(decodePath(Uint8Array.from(list)))).toBe(String.fromCharCode(...list));
    }),
  );
});

test("characters are those of the decoded path, and every stray byte is one of its own", () => {
  fc.assert(
    fc.property(bytes, (list) => {
      const path = decodePath(Uint8Array.from(list));
      const text = toByteText(path);
      const found: string[] = [];
      for (let at = 0; at < text.length;) {
        const character = characterAt(text, at);
        const isStray = (character & 7) === 1 && text.charCodeAt(at) >= 0x80;
        found.push(isStray ? String.fromCharCode(0xdc00 + text.charCodeAt(at)) : String.fromCodePoint(character >>> 3));
        at += character & 7;
      }
      expect(found.join("")).toBe(path);
    }),
    { numRuns: 1_000 },
  );
});

test.for([
  ["ÀÉßẞ", "àéßß"],
  ["İI", "ii"],
  ["ΑΣ", "ασ"],
  ["\u212a\u2126", "kω"],
  ["A\udcff", "a\ufffd"],
  ["\u{10400}", "\u{10428}"],
] as const)("the lower case of %j is %j", ([text, lower]) => {
  expect(toLowerCase(text)).toBe(lower);
});
