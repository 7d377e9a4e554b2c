import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodePath, encodePath } from "../filesystem/path-bytes.ts";
import { goJsonMap, goJsonString } from "./go-json.ts";
import { goQuote, goUnquote } from "./go-quote.ts";

const vectors = JSON.parse(readFileSync(new URL("./testdata/go-encodings.json", import.meta.url), "utf8")) as {
  strings: { bytes: string; quote: string; json: string }[];
};
const strings = vectors.strings.map(({ bytes, quote, json }) => ({
  text: decodePath(Buffer.from(bytes, "base64")),
  quote: Buffer.from(quote, "base64").toString(),
  json: Buffer.from(json, "base64").toString(),
}));
const anyText = fc
  .array(fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array({ maxLength: 4 }).map(decodePath)))
  .map((parts) => decodePath(encodePath(parts.join(""))));

describe("goJsonString", () => {
  test.for(strings)("writes what Go wrote: $json", ({ text, json }) => {
    expect(goJsonString(text)).toBe(json);
  });

  test("is JSON for the same text, up to what is not UTF-8", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(JSON.parse(goJsonString(text))).toBe(text.toWellFormed());
      }),
    );
  });
});

describe("goJsonMap", () => {
  test("sorts the keys of the map but not those inside its values", () => {
    expect(goJsonMap({ b: { z: 1, a: [null, true, "<"] }, a: 18446744073709551615n })).toBe(
      String.raw`{"a":18446744073709551615,"b":{"z":1,"a":[null,true,"\u003c"]}}`,
    );
  });
});

describe("goQuote and goUnquote", () => {
  test.for(strings)("quotes as Go does, and back: $quote", ({ text, quote }) => {
    expect(goQuote(text)).toBe(quote);
    expect(goUnquote(quote)).toBe(text);
  });

  test("any byte string round-trips", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(goUnquote(goQuote(text))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });

  test("escaped bytes that form a character together are that character", () => {
    expect(goUnquote(String.raw`\xc3\xa9 \303\251 \u00e9 \U000000e9`)).toBe("é é é é");
  });

  test.for([
    '"',
    "line\nbreak",
    "end\\",
    String.raw`\'`,
    String.raw`\q`,
    String.raw`\x4`,
    String.raw`\u12`,
    String.raw`\ud800`,
    String.raw`\U00110000`,
    String.raw`\400`,
    String.raw`ok\n"`,
  ])("%j is not a quoted name", (quoted) => {
    expect(goUnquote(quoted)).toBeUndefined();
  });

  test("a lone surrogate in the JSON of a tree does not become a byte", () => {
    expect(goUnquote("a\udc80")).toBe("a\ufffd");
  });
});
