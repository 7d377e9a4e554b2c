import { describe, expect, test } from "vitest";
import { isHoldfastError, Secret } from "@holdfast/base";
import { MemoryBackend } from "@holdfast/storage/testing";
import { createRepository } from "./create.ts";
import { addKey, changePassword, listKeys, removeKey } from "./keys.ts";
import { openRepository } from "./open.ts";

const { signal } = new AbortController();
const owner = { hostname: "box", username: "ann", kdf: { N: 2, r: 1, p: 1 } };
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

describe("keys", () => {
  test("each password opens the same repository, and a removed one no longer does", async () => {
    const backend = new MemoryBackend();
    const made = await createRepository(backend, new Secret("first"), { signal, ...owner });
    const second = await addKey(made, new Secret("second"), { signal, ...owner });
    const opened = await openRepository(backend, new Secret("second"), { signal });
    expect(opened.config).toEqual(made.config);
    expect(Buffer.from(opened.masterKey.encrypt)).toEqual(Buffer.from(made.masterKey.encrypt));
    expect((await listKeys(opened, { signal })).map(({ id, current }) => [id === second, current])).toContainEqual([
      true,
      true,
    ]);
    await removeKey(opened, made.keyId, { signal });
    await expect(openRepository(backend, new Secret("first"), { signal })).rejects.toEqual(
      failsWith("ENGINE_WRONG_PASSWORD"),
    );
  });

  test("the key of the session cannot be removed, only changed", async () => {
    const backend = new MemoryBackend();
    const made = await createRepository(backend, new Secret("old"), { signal, ...owner });
    await expect(removeKey(made, made.keyId, { signal })).rejects.toEqual(failsWith("ENGINE_KEY_IN_USE"));
    await changePassword(made, new Secret("new"), { signal, ...owner });
    expect((await openRepository(backend, new Secret("new"), { signal })).config).toEqual(made.config);
    await expect(openRepository(backend, new Secret("old"), { signal })).rejects.toEqual(
      failsWith("ENGINE_WRONG_PASSWORD"),
    );
  });

  test("nothing is made over a repository, and none is opened where there is none", async () => {
    const backend = new MemoryBackend();
    await expect(openRepository(backend, new Secret("x"), { signal })).rejects.toEqual(
      failsWith("ENGINE_NO_REPOSITORY"),
    );
    await createRepository(backend, new Secret("x"), { signal, ...owner });
    await expect(createRepository(backend, new Secret("x"), { signal, ...owner })).rejects.toEqual(
      failsWith("ENGINE_REPOSITORY_EXISTS"),
    );
  });
});
