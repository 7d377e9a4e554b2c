/** The threads against `node:crypto`, which stands for RFC 7914. */
import { randomBytes, scryptSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LanePair, laneBytes } from "./lanes.ts";
import { scryptOnOneThread, scryptOnThreads } from "./scrypt.ts";

describe("scrypt", () => {
  // RFC 7914, section 12, with more than one lane.
  test("on threads gives the RFC's bytes", async () => {
    const parameters = { N: 1024, r: 8, p: 16, salt: Buffer.from("NaCl") };
    const key = await scryptOnThreads(Buffer.from("password"), parameters, 64);
    expect(Buffer.from(key).toString("hex")).toBe(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    );
  });

  test("with a repository's costs is the same on one thread and on several", async () => {
    const parameters = { N: 32_768, r: 8, p: 3, salt: randomBytes(64) };
    const secret = randomBytes(20);
    expect(await scryptOnThreads(secret, parameters, 64)).toEqual(await scryptOnOneThread(secret, parameters, 64));
  });

  test("is the same for any costs, salt and length", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.uint8Array({ maxLength: 80 }),
        fc.record({
          logN: fc.integer({ min: 1, max: 9 }),
          r: fc.integer({ min: 1, max: 17 }),
          p: fc.integer({ min: 1, max: 7 }),
        }),
        fc.integer({ min: 1, max: 130 }),
        async (secret, salt, { logN, r, p }, length) => {
          const N = 2 ** logN;
          // OpenSSL wants N below 2^(16 r), as the RFC does.
          const expected = scryptSync(secret, salt, length, { N, r, p });
          expect(Buffer.from(await scryptOnThreads(secret, { N, r, p, salt }, length))).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a pair of lanes", () => {
  test("works on a single one as well", () => {
    const r = 2;
    const both = new Uint8Array(randomBytes(2 * laneBytes(r)));
    const alone = both.slice(0, laneBytes(r));
    const pair = new LanePair({ N: 64, r });
    pair.mix(both);
    pair.mix(alone);
    expect(alone).toEqual(both.slice(0, laneBytes(r)));
  });
});
