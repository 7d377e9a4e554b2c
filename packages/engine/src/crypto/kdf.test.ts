import { Secret } from "@holdfast/base";
import { describe, expect, test } from "vitest";

import { calibrate, deriveKey, type ScryptCosts } from "./kdf.ts";

describe("deriveKey", () => {
  // RFC 7914, section 12.
  test.for([
    {
      password: "",
      salt: "",
      costs: { N: 16, r: 1, p: 1 },
      output:
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
    },
    {
      password: "password",
      salt: "NaCl",
      costs: { N: 1024, r: 8, p: 16 },
      output:
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    },
  ])("is scrypt, split into its three parts: $password", async ({ password, salt, costs, output }) => {
    const parameters = { ...costs, salt: Buffer.from(salt) };
    const key = await deriveKey(new Secret(password), parameters, "one-thread");
    expect(Buffer.concat([key.encrypt, key.macK, key.macR]).toString("hex")).toBe(output);
    expect([key.encrypt.length, key.macK.length, key.macR.length]).toEqual([32, 16, 16]);
    expect(await deriveKey(Buffer.from(password), parameters, "one-thread")).toEqual(key);
    expect(await deriveKey(Buffer.from(password), parameters, "threads")).toEqual(key);
  });

  test.for([
    { N: 2 ** 17, r: 8, p: 1 },
    { N: 2, r: 1, p: 4096 },
    { N: 2, r: 4096, p: 3 },
  ])("memory is no obstacle for N $N, r $r, p $p", async (costs) => {
    const parameters = { ...costs, salt: new Uint8Array(64) };
    const key = await deriveKey(new Secret("x"), parameters, "one-thread");
    expect(key.encrypt.length).toBe(32);
    expect(await deriveKey(new Secret("x"), parameters, "threads")).toEqual(key);
  });
});

describe("calibrate", () => {
  /** A machine that does so many N·r·p in a millisecond, after a start that takes `startMs`. */
  const machine = (pace: number, startMs = 0) => ({
    measureMs: ({ N, r, p }: ScryptCosts) => Promise.resolve((N * r * p) / pace + startMs),
  });

  test.for([
    ["fills the time with passes", { targetMs: 500, ...machine(2 ** 18 / 100) }, { N: 32_768, p: 5 }],
    [
      "corrects passes that the start made look slow",
      { targetMs: 500, ...machine(2 ** 18 / 80, 60) },
      { N: 32_768, p: 5 },
    ],
    [
      "uses the memory that it may use",
      { targetMs: 500, maxMemoryBytes: 2 ** 27 + 1, ...machine(2 ** 20 / 100) },
      { N: 131_072, p: 5 },
    ],
    [
      "uses less memory when that takes too long",
      { targetMs: 500, maxMemoryBytes: 2 ** 29 + 1, ...machine(2 ** 18 / 200) },
      { N: 65_536, p: 1 },
    ],
    ["never goes below restic's costs on a slow machine", { targetMs: 500, ...machine(1) }, { N: 32_768, p: 1 }],
    ["never goes below them for little memory", { maxMemoryBytes: 1, ...machine(2 ** 18 / 400) }, { N: 32_768, p: 1 }],
    ["is not led astray by a clock that stands still", { measureMs: () => Promise.resolve(0) }, { N: 32_768, p: 64 }],
  ] as const)("%s", async ([, options, expected]) => {
    expect(await calibrate(options)).toEqual({ r: 8, ...expected });
  });

  test("measures the real scrypt", async () => {
    expect(await calibrate({ targetMs: 0 })).toEqual({ N: 32_768, r: 8, p: 1 });
  });
});
