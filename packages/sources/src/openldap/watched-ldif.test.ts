import { describe, expect, test } from "vitest";
import { parseLdif, writeLdif } from "./ldif.ts";
import { type LdifFacts, watchedLdif } from "./watched-ldif.ts";

const WHOLE = `dn: dc=ex,dc=org
dc: ex
contextCSN: 20261129073002.714753Z#000000#000#000000

dn:: ${Buffer.from("cn=Ü,dc=ex,dc=org").toString("base64")}
description: a long line that is
  folded

`;

async function watch(text: string, chunk: number, mayBeEmpty = false): Promise<LdifFacts | undefined> {
  let facts: LdifFacts | undefined;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const options = { suffix: "DC=ex, DC=org", mayBeEmpty, broken: (reason: string) => new Error(reason) };
  const out = await Array.fromAsync(watchedLdif(chunks(), { ...options, onEnd: (found) => (facts = found) }));
  expect(Buffer.concat(out).toString()).toBe(text);
  return facts;
}

describe("the dump of a directory's database", () => {
  test.for([1, 2, 3, 64, 1000])("is counted in chunks of %i", async (chunk) => {
    expect(await watch(WHOLE, chunk)).toEqual({
      entries: 2,
      contextCsn: ["20261129073002.714753Z#000000#000#000000"],
    });
  });

  test("that is cut off in an entry is refused, and so is one of something else, or of nothing", async () => {
    for (let length = WHOLE.indexOf("\n\n") + 3; length < WHOLE.length; length++) {
      await expect(watch(WHOLE.slice(0, length), 64), String(length)).rejects.toThrow(/middle of an entry/);
    }
    await expect(watch("dn: o=Other\no: Other\n\n", 64)).rejects.toThrow(/lacks the entry of the suffix/);
    await expect(watch("", 64)).rejects.toThrow(/has no entry/);
    expect(await watch("", 64, true)).toMatchObject({ entries: 0 });
  });

  test("is written as it was read", () => {
    const entries = parseLdif(WHOLE);
    expect(entries[1]?.lines).toEqual([{ name: "description", value: "a long line that is folded" }]);
    expect(parseLdif(writeLdif(entries))).toEqual(entries);
  });
});
