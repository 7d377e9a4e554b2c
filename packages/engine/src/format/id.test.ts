import { createHash } from "node:crypto";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hashInto, idFromBytes, idOf, idToBytes, isId, parseId, writeId } from "./id.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("ids", () => {
  test("an id is the SHA-256 in lower-case hex", () => {
    expect(idOf(new Uint8Array(0))).toBe(EMPTY);
    expect(idOf(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  test.for(["", EMPTY.slice(1), `${EMPTY}0`, EMPTY.toUpperCase(), `${EMPTY.slice(1)}g`, `${EMPTY}\n`, "../etc"])(
    "%j is no id",
    (text) => {
      expect(isId(text)).toBe(false);
      expect(() => parseId(text)).toThrow(expect.objectContaining({ code: "ENGINE_INVALID_ID" }));
    },
  );

  test("bytes and text convert both ways, at any offset, also in shared memory", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(50), fc.boolean(), (bytes, offset, shared) => {
        const out = new Uint8Array(shared ? new SharedArrayBuffer(100) : new ArrayBuffer(100));
        hashInto(bytes, out, offset);
        const id = idOf(bytes);
        expect(id).toBe(createHash("sha256").update(bytes).digest("hex"));
        expect(idFromBytes(out, offset)).toBe(id);
        expect(idFromBytes(idToBytes(id))).toBe(id);
        expect(parseId(id)).toBe(id);
        const copy = new Uint8Array(100);
        writeId(id, copy, offset);
        expect(copy).toEqual(new Uint8Array(out));
      }),
    );
  });

  test("an id is never cut off silently at the end of an array", () => {
    const short = new Uint8Array(40);
    expect(() => idFromBytes(short, 9)).toThrow(RangeError);
    expect(() => hashInto(short, short, 9)).toThrow(RangeError);
  });
});
