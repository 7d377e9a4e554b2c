import { describe, expect, test } from "vitest";
import { isHoldfastError, Secret } from "@holdfast/base";
import { bytesSource, loadBytes, type Backend } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { newMasterKey } from "../crypto/master-key.ts";
import type { Id } from "../format/id.ts";
import { type KnownKey, decodeKnownKey, encodeKnownKey } from "../format/key-file.ts";
import { createRepository } from "./create.ts";
import { saveKeyFile } from "./key-files.ts";
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

describe("a key that is guessed", () => {
  interface Two {
    backend: MemoryBackend;
    first: Id;
    second: Id;
    keyGuess: KnownKey;
    calls: string[];
  }

  async function withTwo(): Promise<Two> {
    const backend = new MemoryBackend();
    const repo = await createRepository(backend, new Secret("one"), { signal, ...owner });
    const { masterKey } = repo;
    const keyGuess = await saveKeyFile(backend, masterKey, new Secret("two"), { signal, ...owner });
    const second = keyGuess.id;
    const calls: string[] = [];
    const [load, list] = [backend.load.bind(backend), backend.list.bind(backend)];
    backend.load = (file, ...rest) => {
      if (file.type === "key") calls.push(file.name);
      return load(file, ...rest);
    };
    backend.list = async function* (type, options) {
      // A list that takes its time.
      await new Promise((resolve) => setTimeout(resolve, 20));
      calls.push(`list ${type}`);
      yield* list(type, options);
    };
    return { backend, first: repo.keyId, second, keyGuess, calls };
  }

  test("is asked for before keys are listed, and no other is tried", async () => {
    const { backend, first, second, keyGuess, calls } = await withTwo();
    const opened = await openRepository(backend, new Secret("two"), { signal, keyGuess });
    expect([opened.keyId, new Set(opened.keyIds)]).toEqual([second, new Set([first, second])]);
    expect(calls).toEqual([second, "list key"]);
    expect({ id: opened.keyId, parameters: opened.keyParameters }).toEqual(keyGuess);
  });

  test("and is another's, damaged or gone costs time alone", async () => {
    const { backend, first, second, keyGuess, calls } = await withTwo();
    const open = async (text: string): Promise<Id> =>
      (await openRepository(backend, new Secret(text), { signal, keyGuess })).keyId;
    expect(await open("one")).toBe(first);
    expect(calls).toEqual([second, "list key", first]);
    const wrong = await open("neither").catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: "ENGINE_WRONG_PASSWORD", details: { tried: 2 } });
    await backend.save({ type: "key", name: second }, bytesSource(new Uint8Array(9)), { signal });
    expect(await open("one")).toBe(first);
    await backend.remove({ type: "key", name: second }, { signal });
    expect(await open("one")).toBe(first);
  });

  test.for<[what: string, change: (known: KnownKey["parameters"]) => Partial<KnownKey["parameters"]>]>([
    ["another salt", ({ salt }) => ({ salt: salt.map((byte) => byte ^ 1) })],
    ["other costs", ({ N }) => ({ N: N * 2 })],
    ["more lanes", ({ p }) => ({ p: p + 1 })],
  ])("and remembered with %s opens all the same: what its file says counts", async ([, change]) => {
    const { backend, second, keyGuess, calls } = await withTwo();
    const { id, parameters } = keyGuess;
    const wrong = { id, parameters: { ...parameters, ...change(parameters) } };
    const opened = await openRepository(backend, new Secret("two"), { signal, keyGuess: wrong });
    expect({ id: opened.keyId, parameters: opened.keyParameters }).toEqual({ id: second, parameters });
    expect(calls).toEqual([second, "list key"]);
  });

  test("can be remembered as JSON, which is looked at like a key file", async () => {
    const { keyGuess } = await withTwo();
    const json = JSON.parse(JSON.stringify(encodeKnownKey(keyGuess)));
    expect(decodeKnownKey(json)).toEqual(keyGuess);
    for (const wrong of [{ N: 2 ** 29 }, { N: 3 }, { id: "x" }, { salt: "AAAA" }, { r: 2 ** 22 }, { p: -1 }]) {
      expect(() => decodeKnownKey({ ...json, ...wrong })).toThrow(
        expect.objectContaining({ code: "ENGINE_MALFORMED" }),
      );
    }
  });

  test("and is not in the list was removed: it opens nothing", async () => {
    const { backend, first, second, keyGuess } = await withTwo();
    const list = backend.list.bind(backend);
    backend.list = async function* (type, options) {
      for await (const info of list(type, options)) if (info.name !== second) yield info;
    };
    const opening = openRepository(backend, new Secret("two"), { signal, keyGuess });
    await expect(opening).rejects.toEqual(failsWith("ENGINE_WRONG_PASSWORD"));
    expect((await openRepository(backend, new Secret("one"), { signal, keyGuess })).keyId).toBe(first);
  });

  test("is not what ends the search when the place cannot be reached", async () => {
    const { backend, keyGuess } = await withTwo();
    backend.list = () => {
      throw new Error("no network");
    };
    const opening = openRepository(backend, new Secret("two"), { signal, keyGuess });
    await expect(opening).rejects.toThrow("no network");
  });
});

describe("among many false key files", () => {
  /** Makes the key the last one of the list. */
  async function moveToEnd(backend: Backend, name: string, work: () => Promise<void>): Promise<void> {
    const bytes = await loadBytes(backend, { type: "key", name }, undefined, { signal, maxBytes: 4096 });
    await backend.remove({ type: "key", name }, { signal });
    await work();
    await backend.save({ type: "key", name }, bytesSource(bytes), { signal });
  }

  test("that cannot be read, the true one is found", async () => {
    const backend = new MemoryBackend();
    const { keyId } = await createRepository(backend, new Secret("true"), { signal, ...owner });
    await moveToEnd(backend, keyId, async () => {
      for (let n = 0; n < 200; n++) {
        const name = n.toString(16).padStart(64, "0");
        await backend.save({ type: "key", name }, bytesSource(Buffer.from("{}")), { signal });
      }
    });
    expect((await openRepository(backend, new Secret("true"), { signal })).keyId).toBe(keyId);
    await expect(openRepository(backend, new Secret("wrong"), { signal })).rejects.toEqual(
      failsWith("ENGINE_WRONG_PASSWORD"),
    );
  });

  test("that can be read, not all are tried, which is said, and a hint finds the true one", async () => {
    const backend = new MemoryBackend();
    const { keyId } = await createRepository(backend, new Secret("true"), { signal, ...owner });
    await moveToEnd(backend, keyId, async () => {
      for (let n = 0; n < 60; n++)
        await saveKeyFile(backend, newMasterKey(), new Secret("false"), { signal, ...owner });
    });
    const failure: unknown = await openRepository(backend, new Secret("neither"), { signal }).catch((e: unknown) => e);
    expect(failure).toMatchObject({ code: "ENGINE_KEYS_LEFT", kind: "wrong-key", details: { tried: 50, left: 11 } });
    expect(failure).toHaveProperty("hint", expect.stringContaining("--key-hint"));
    const keyHint = keyId.slice(0, 10);
    expect((await openRepository(backend, new Secret("true"), { signal, keyHint })).keyId).toBe(keyId);
  });
});
