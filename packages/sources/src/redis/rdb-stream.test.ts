import { describe, expect, test } from "vitest";
import { Crc64 } from "./crc64.ts";
import { type RdbFacts, wholeRdb } from "./rdb-stream.ts";

// What redis-cli 7.0.15 gave on a pipe, for two keys.
const GIVEN = Buffer.from(
  "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c221" +
    "d20b6bfa08757365642d6d656dc260d80f00fa0e7265706c2d73747265616d2d6462c000fa077265706c2d69642864393733" +
    "373738613131366666356533343738376330616338666530336631613566663737646230fa0b7265706c2d6f6666736574c0" +
    "00fa08616f662d62617365c000fe00fb0100000161c001fe03fb0100000162c002ffbbc827aaa094d9c36330313365396464" +
    "3535656239313566633239373634666461643730336161643839333632633932",
  "hex",
);
const WHOLE = GIVEN.subarray(0, -40);

async function pass(bytes: Buffer, chunk: number): Promise<{ out: Buffer; facts: RdbFacts | undefined }> {
  let facts: RdbFacts | undefined;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const parts = await Array.fromAsync(
    wholeRdb(chunks(), { onEnd: (found) => (facts = found), broken: (reason) => new Error(reason) }),
  );
  return { out: Buffer.concat(parts), facts };
}

describe("an RDB file", () => {
  test("has the checksum that its makers give for 123456789", () => {
    expect(new Crc64().update(Buffer.from("123456789")).value).toBe(0xe9c6d914c4b8d9can);
  });

  test.for([1, 7, 49, 50, 1000])("comes without the mark behind it, in chunks of %i", async (chunk) => {
    for (const bytes of [GIVEN, WHOLE]) {
      const { out, facts } = await pass(bytes, chunk);
      expect(out.equals(WHOLE)).toBe(true);
      expect(facts).toMatchObject({ magic: "REDIS0010", hasChecksum: true });
    }
  });

  test("says whose it is", async () => {
    expect((await pass(GIVEN, 1000)).facts?.aux).toMatchObject({
      "redis-ver": "7.0.15",
      ctime: "1795936801",
      "repl-id": "d973778a116ff5e34787c0ac8fe03f1a5ff77db0",
      "repl-offset": "0",
    });
  });

  test("that is cut off anywhere is refused", async () => {
    for (let length = 0; length < WHOLE.length; length++) {
      await expect(pass(WHOLE.subarray(0, length), 64), String(length)).rejects.toThrow();
    }
    for (let length = WHOLE.length + 1; length < GIVEN.length; length++) {
      await expect(pass(GIVEN.subarray(0, length), 64), String(length)).rejects.toThrow();
    }
  });

  test("with a changed byte is refused", async () => {
    for (let at = 0; at < WHOLE.length; at++) {
      const bytes = Buffer.from(GIVEN);
      bytes[at] = (bytes[at] as number) ^ 1;
      await expect(pass(bytes, 64), String(at)).rejects.toThrow();
    }
  });
});
