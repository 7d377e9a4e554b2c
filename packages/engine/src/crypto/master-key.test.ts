import { describe, expect, test } from "vitest";

import { decodeMasterKey, encodeMasterKey, newMasterKey } from "./master-key.ts";

describe("master keys", () => {
  test("new ones differ, and r has only the bits that Poly1305 uses", () => {
    const keys = Array.from({ length: 50 }, newMasterKey);
    expect(new Set(keys.map((key) => Buffer.from(encodeMasterKey(key)).toString())).size).toBe(50);
    for (const { macR } of keys) {
      const r = Buffer.from(macR).readBigUInt64LE(0) | (Buffer.from(macR).readBigUInt64LE(8) << 64n);
      expect(r & ~0x0ffffffc0ffffffc0ffffffc0fffffffn).toBe(0n);
    }
  });

  test("their JSON round-trips", () => {
    const key = newMasterKey();
    expect(encodeMasterKey(decodeMasterKey(encodeMasterKey(key)))).toEqual(encodeMasterKey(key));
    expect(Buffer.from(decodeMasterKey(encodeMasterKey(key)).encrypt)).toEqual(Buffer.from(key.encrypt));
  });

  test.for(["mac", "encrypt", "k", "r"])("one without %s is malformed, and the error shows no key", (field) => {
    const text = Buffer.from(encodeMasterKey(newMasterKey())).toString();
    const cut = text.replace(`"${field}"`, '"x"');
    expect(() => decodeMasterKey(Buffer.from(cut))).toThrow(expect.objectContaining({ code: "ENGINE_MALFORMED" }));
    const broken = text.replace("}", "");
    try {
      decodeMasterKey(Buffer.from(broken));
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain(broken.slice(20, 30));
    }
  });

  test("a key that is too short or all zeros is malformed", () => {
    const key = newMasterKey();
    for (const broken of [
      { ...key, encrypt: key.encrypt.subarray(1) },
      { ...key, macK: new Uint8Array(17) },
      { ...key, macR: new Uint8Array(16) },
    ]) {
      expect(() => decodeMasterKey(encodeMasterKey(broken))).toThrow(
        expect.objectContaining({ code: "ENGINE_MALFORMED" }),
      );
    }
  });
});
