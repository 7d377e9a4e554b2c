import { createCipheriv, randomBytes } from "node:crypto";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { newMasterKey } from "./master-key.ts";
import { SEAL_OVERHEAD, Sealer } from "./sealing.ts";

const UNAUTHENTIC = expect.objectContaining({ code: "ENGINE_UNAUTHENTIC" });
const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
const newKey = () => ({ encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) });

describe("Sealer", () => {
  test("openTransient gives the bytes that open gives, in memory that the next call uses again", () => {
    const sealer = new Sealer(newMasterKey());
    const [small, large] = [new Uint8Array(100).fill(1), new Uint8Array(3_000_000).fill(2)];
    const [sealedSmall, sealedLarge] = [sealer.seal(small), sealer.seal(large)];
    const first = sealer.openTransient(sealedSmall);
    expect(Buffer.compare(first, small)).toBe(0);
    expect(Buffer.compare(sealer.openTransient(sealedLarge), large)).toBe(0);
    expect(Buffer.compare(sealer.openTransient(sealedSmall), sealer.open(sealedSmall))).toBe(0);
    const kept = sealer.open(sealedSmall);
    sealer.openTransient(sealer.seal(new Uint8Array(100)));
    expect(Buffer.compare(kept, small)).toBe(0);
  });

  // D. J. Bernstein, "The Poly1305-AES message-authentication code", appendix B.
  test.for([
    {
      m: "f3f6",
      k: "ec074c835580741701425b623235add6",
      r: "851fc40c3467ac0be05cc20404f3f700",
      n: "fb447350c4e868c52ac3275cf9d4327e",
      mac: "f4c633c3044fc145f84f335cb81953de",
    },
    {
      m: "",
      k: "75deaa25c09f208e1dc4ce6b5cad3fbf",
      r: "a0f3080000f46400d0c7e9076c834403",
      n: "61ee09218d29b0aaed7e154a2c5509cc",
      mac: "dd3fab2251f11ac759f0887129cc2ee7",
    },
    {
      m: "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
      k: "6acb5f61a7176dd320c5c1eb2edcdc74",
      r: "48443d0bb0d21109c89a100b5ce2c208",
      n: "ae212a55399729595dea458bc621ff0e",
      mac: "0ee1c16bb73f0f4fd19881753c01cdbe",
    },
  ])("the MAC of $m is that of the paper, and the text is AES-256-CTR", ({ m, k, r, n, mac }) => {
    const encrypt = randomBytes(32);
    const sealer = new Sealer({ encrypt, macK: hex(k), macR: hex(r) });
    const plain = sealer.open(Buffer.concat([hex(n), hex(m), hex(mac)]));
    const again = createCipheriv("aes-256-ctr", encrypt, hex(n)).update(plain);
    expect(again.toString("hex")).toBe(m);
  });

  test("any text round-trips, through shared memory too", () => {
    const key = newKey();
    const sealer = new Sealer(key);
    const other = new Sealer(key);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(20), (plain, offset) => {
        const sealed = sealer.seal(plain);
        expect(sealed.length).toBe(plain.length + SEAL_OVERHEAD);
        expect(new Uint8Array(other.open(sealed))).toEqual(plain);
        const out = new Uint8Array(new SharedArrayBuffer(offset + sealed.length + 3));
        const end = offset + sealer.sealInto(plain, out, offset);
        expect(new Uint8Array(other.open(out.subarray(offset, end)))).toEqual(plain);
        expect(out.subarray(0, offset).every((byte) => byte === 0)).toBe(true);
        expect(out.subarray(end).every((byte) => byte === 0)).toBe(true);
      }),
    );
  });

  test("no IV is used twice, across batches", () => {
    const sealer = new Sealer(newKey());
    const ivs = new Set<string>();
    for (let n = 0; n < 2000; n++) {
      const sealed = sealer.seal(Uint8Array.of(n));
      ivs.add(Buffer.from(sealed.subarray(0, 16)).toString("hex"));
      expect(sealer.open(sealed)[0]).toBe(n & 0xff);
    }
    expect(ivs.size).toBe(2000);
  });

  test("a change of any bit, a cut and an addition are noticed", () => {
    const sealer = new Sealer(newKey());
    const sealed = sealer.seal(Buffer.from("some text"));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => sealer.open(changed)).toThrow(UNAUTHENTIC);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(() => sealer.open(sealed.subarray(0, length))).toThrow(UNAUTHENTIC);
    }
    expect(() => sealer.open(Buffer.concat([sealed, Uint8Array.of(0)]))).toThrow(UNAUTHENTIC);
    expect(() => new Sealer(newKey()).open(sealed)).toThrow(UNAUTHENTIC);
  });

  test("the error names what is damaged", () => {
    expect(() => new Sealer(newKey()).open(new Uint8Array(40), "pack 12ab")).toThrow(/^pack 12ab is damaged/);
  });

  test("sealed bytes are never cut off to fit", () => {
    const sealer = new Sealer(newKey());
    expect(() => sealer.sealInto(new Uint8Array(10), new Uint8Array(50), 9)).toThrow(RangeError);
    expect(sealer.sealInto(new Uint8Array(10), new Uint8Array(50), 8)).toBe(42);
  });
});
