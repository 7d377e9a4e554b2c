import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openNativePrimitives } from "../platform/openssl.ts";
import { portablePrimitives } from "./primitives.ts";

describe("OpenSSL called directly and through node:crypto", () => {
  const key = randomBytes(32);
  const native = openNativePrimitives(key);
  const portable = portablePrimitives(key);

  test.for([0, 1, 15, 16, 17, 511, 4096, 1_000_003])("give the same bytes for a message of %i bytes", (size) => {
    const [iv, oneTimeKey, message] = [randomBytes(16), randomBytes(32), randomBytes(size)];
    const [a, b] = [new Uint8Array(size), new Uint8Array(size)];
    native.crypt(iv, message, a);
    portable.crypt(iv, message, b);
    expect(Buffer.compare(a, b)).toBe(0);
    expect(Buffer.from(native.mac(oneTimeKey, message))).toEqual(Buffer.from(portable.mac(oneTimeKey, message)));
  });

  test("two keys do not disturb each other", () => {
    const other = openNativePrimitives(randomBytes(32));
    const [iv, message] = [randomBytes(16), randomBytes(100)];
    const [first, between, second] = [new Uint8Array(100), new Uint8Array(100), new Uint8Array(100)];
    native.crypt(iv, message, first);
    other.crypt(iv, message, between);
    native.crypt(iv, message, second);
    expect(second).toEqual(first);
    expect(between).not.toEqual(first);
  });

  test("room that is too small is refused, not written past", () => {
    expect(() => native.crypt(randomBytes(16), new Uint8Array(10), new Uint8Array(9))).toThrow(RangeError);
  });
});
