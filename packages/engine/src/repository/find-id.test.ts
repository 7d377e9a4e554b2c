import { isHoldfastError } from "@holdfast/base";
import { bytesSource } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { idOf } from "../format/id.ts";
import { findFileId } from "./find-id.ts";
import { Repository } from "./repository.ts";

const { signal } = new AbortController();
const NAMES = ["abcd", "abce", "b"].map((start) => start.padEnd(64, "0"));

async function repository(): Promise<Repository> {
  const backend = new MemoryBackend();
  for (const name of NAMES) await backend.save({ type: "snapshot", name }, bytesSource(new Uint8Array(1)), { signal });
  const keyId = idOf(new Uint8Array(1));
  return new Repository({
    backend,
    config: { version: 2, id: keyId, chunkerPolynomial: 0n },
    masterKey: newMasterKey(),
    keyId,
  });
}

describe("an id by its beginning", () => {
  test.for<[text: string, found: string]>([
    ["abcd", NAMES[0] as string],
    ["b", NAMES[2] as string],
    [NAMES[1] as string, NAMES[1] as string],
  ])("%s", async ([text, found]) => {
    expect(await findFileId(await repository(), "snapshot", text, { signal })).toBe(found);
  });

  test.for<[text: string, code: string]>([
    ["abc", "ENGINE_ID_AMBIGUOUS"],
    ["c", "ENGINE_ID_NOT_FOUND"],
    ["", "ENGINE_ID_NOT_FOUND"],
    ["ABCD", "ENGINE_ID_NOT_FOUND"],
    ["../abcd", "ENGINE_ID_NOT_FOUND"],
    ["a".repeat(65), "ENGINE_ID_NOT_FOUND"],
  ])("'%s' fails with %s", async ([text, code]) => {
    await expect(findFileId(await repository(), "snapshot", text, { signal })).rejects.toSatisfy((error) =>
      isHoldfastError(error, code),
    );
  });

  test("one that fits several names some of them, with enough digits to go on", async () => {
    const failure = await findFileId(await repository(), "snapshot", "abc", { signal }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ details: { matches: ["abcd00000000", "abce00000000"] } });
  });
});
