import { isHoldfastError, Secret } from "@holdfast/base";
import { bytesSource, type FileInfo, type FileType, loadBytes, storageError } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { Sealer } from "../crypto/sealing.ts";
import { createRepository } from "./create.ts";
import { addKey } from "./keys.ts";
import { openRepository } from "./open.ts";

const { signal } = new AbortController();
const owner = { signal, hostname: "box", username: "ann", kdf: { N: 2, r: 1, p: 1 } };
const password = new Secret("right");
const CONFIG = { type: "config", name: "" } as const;
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));

async function made(): Promise<{ backend: MemoryBackend; key: string; sealer: Sealer }> {
  const backend = new MemoryBackend();
  const { keyId, sealer } = await createRepository(backend, password, owner);
  return { backend, key: keyId, sealer };
}

async function overwrite(
  backend: MemoryBackend,
  type: FileType,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const bytes = await loadBytes(backend, { type, name }, undefined, { signal });
  await backend.save({ type, name }, bytesSource(change(bytes)), { signal });
}

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte));

describe("opening", () => {
  test.for<[what: string, change: (bytes: Uint8Array, sealer: Sealer) => Uint8Array, code: string]>([
    ["is empty", () => new Uint8Array(0), "ENGINE_CONFIG_BROKEN"],
    ["has a wrong bit", flipped, "ENGINE_CONFIG_BROKEN"],
    ["is cut off", (bytes) => bytes.subarray(0, 40), "ENGINE_CONFIG_BROKEN"],
    ["is shorter than a seal", (bytes) => bytes.subarray(0, 5), "ENGINE_CONFIG_BROKEN"],
    ["is no JSON", (_, sealer) => sealer.seal(Buffer.from("{]")), "ENGINE_CONFIG_BROKEN"],
    [
      "is of a later version",
      (_, sealer) =>
        sealer.seal(Buffer.from(`{"version":3,"id":"${"a".repeat(64)}","chunker_polynomial":"3da3358b4dc173"}`)),
      "ENGINE_VERSION_UNSUPPORTED",
    ],
    [
      "has a polynomial that is not irreducible",
      (_, sealer) =>
        sealer.seal(Buffer.from(`{"version":2,"id":"${"a".repeat(64)}","chunker_polynomial":"3da3358b4dc172"}`)),
      "ENGINE_CONFIG_BROKEN",
    ],
    ["is huge", () => new Uint8Array(70_000), "STORAGE_TOO_LARGE"],
  ])("a repository whose config %s", async ([, change, code]) => {
    const { backend, sealer } = await made();
    await overwrite(backend, "config", "", (bytes) => change(bytes, sealer));
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith(code));
  });

  test.for<[what: string, change: (bytes: Uint8Array) => Uint8Array]>([
    ["has a wrong bit", flipped],
    ["is empty", () => new Uint8Array(0)],
    ["is huge", () => new Uint8Array(70_000)],
  ])("a repository whose only key %s: no password is to blame", async ([, change]) => {
    const { backend, key } = await made();
    await overwrite(backend, "key", key, change);
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_NO_KEY"));
  });

  test("a damaged key does not stand in the way of another one", async () => {
    const { backend, key } = await made();
    const opened = await openRepository(backend, password, { signal });
    const second = await addKey(opened, new Secret("second"), owner);
    await overwrite(backend, "key", key, flipped);
    expect((await openRepository(backend, new Secret("second"), { signal, keyHint: second.slice(0, 8) })).keyId).toBe(
      second,
    );
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_WRONG_PASSWORD"));
  });

  test("a key that vanishes meanwhile does not stand in the way either", async () => {
    const { backend, key } = await made();
    const second = await addKey(await openRepository(backend, password, { signal }), new Secret("second"), owner);
    const load = backend.load.bind(backend);
    backend.load = async (file, ...rest) => {
      if (file.name === key) await backend.remove(file, { signal });
      return load(file, ...rest);
    };
    expect((await openRepository(backend, new Secret("second"), { signal, keyHint: key })).keyId).toBe(second);
  });

  test("the key that is hinted at is tried first", async () => {
    const { backend } = await made();
    const same = await addKey(await openRepository(backend, password, { signal }), password, owner);
    expect((await openRepository(backend, password, { signal, keyHint: same })).keyId).toBe(same);
  });

  test("where there is none ends with that, though keys cannot be listed", async () => {
    const backend = new MemoryBackend();
    backend.list = async function* (type, options) {
      await Promise.reject(new Error("not now"));
      yield* MemoryBackend.prototype.list.call(backend, type, options);
    };
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_NO_REPOSITORY"));
  });

  test("looks for the key while the config is on its way", async () => {
    const { backend } = await made();
    const asked = Promise.withResolvers<void>();
    const load = backend.load.bind(backend);
    backend.load = async (file, ...rest) => {
      if (file.type === "config") await asked.promise;
      else asked.resolve();
      return load(file, ...rest);
    };
    expect((await openRepository(backend, password, { signal })).config.version).toBe(2);
  });

  test("tells that there is a config before a key was found", async () => {
    const { backend } = await made();
    const found = Promise.withResolvers<void>();
    const load = backend.load.bind(backend);
    backend.load = async (file, ...rest) => {
      if (file.type === "key") await found.promise;
      return load(file, ...rest);
    };
    const opened = await openRepository(backend, password, { signal, onFound: found.resolve });
    expect(opened.config.version).toBe(2);
  });

  test("asks whom it is told to first, and ends when there is no config", async () => {
    const { backend } = await made();
    const first = new MemoryBackend();
    first.load = () => Promise.reject(new Error("nobody there"));
    backend.load = () => Promise.reject(new Error("asked for more"));
    await expect(openRepository(backend, password, { signal, askFirst: first })).rejects.toThrow("nobody there");
  });

  test("looks for keys again when there is a config, and keys could not be asked for", async () => {
    const { backend } = await made();
    const first = new MemoryBackend();
    first.load = backend.load.bind(backend);
    // oxlint-disable-next-line require-yield -- it fails before the first
    first.list = async function* () {
      throw storageError("STORAGE_UNAVAILABLE", { location: "here", reason: "busy" });
    };
    const opened = await openRepository(backend, password, { signal, askFirst: first });
    expect([opened.backend, opened.keyIds.length]).toEqual([backend, 1]);
    const wrong = openRepository(backend, new Secret("wrong"), { signal, askFirst: first });
    await expect(wrong).rejects.toEqual(failsWith("ENGINE_WRONG_PASSWORD"));
  });

  test("names what is wrong with the config, also when there is no key either", async () => {
    const { backend, key } = await made();
    await backend.remove({ type: "key", name: key }, { signal });
    await overwrite(backend, "config", "", () => new Uint8Array(0));
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_CONFIG_BROKEN"));
    await backend.remove(CONFIG, { signal });
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_NO_REPOSITORY"));
  });

  test("is ended by the signal", async () => {
    const { backend } = await made();
    const reason = new Error("enough");
    await expect(openRepository(backend, password, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("creating", () => {
  test.for<FileType>(["key", "snapshot"])(
    "in a folder with a %s file but no config is refused: it may be somebody's data",
    async (type) => {
      const backend = new MemoryBackend();
      await backend.save({ type, name: "ab".repeat(32) }, bytesSource(new Uint8Array(5)), { signal });
      await expect(createRepository(backend, password, owner)).rejects.toEqual(failsWith("ENGINE_FOLDER_NOT_EMPTY"));
    },
  );

  test("in a place that lists nothing before it is made", async () => {
    class UnmadePlace extends MemoryBackend {
      #isMade = false;

      override async initialize(): Promise<void> {
        this.#isMade = true;
      }

      override async *list(type: FileType, options: { signal: AbortSignal }): AsyncGenerator<FileInfo> {
        if (!this.#isMade) throw storageError("STORAGE_NO_PLACE", { location: this.location, what: type });
        yield* super.list(type, options);
      }
    }
    const backend = new UnmadePlace();
    await createRepository(backend, password, owner);
    expect((await openRepository(backend, password, { signal })).config.version).toBe(2);
  });

  test("over a config, even an empty one, is refused", async () => {
    const backend = new MemoryBackend();
    await backend.save(CONFIG, bytesSource(new Uint8Array(0)), { signal });
    await expect(createRepository(backend, password, owner)).rejects.toEqual(failsWith("ENGINE_REPOSITORY_EXISTS"));
  });

  test("twice at the same moment makes one repository", async () => {
    const backend = new MemoryBackend();
    const results = await Promise.allSettled([
      createRepository(backend, password, owner),
      createRepository(backend, password, owner),
    ]);
    const winners = results.filter((result) => result.status === "fulfilled");
    expect(winners).toHaveLength(1);
    expect(await Array.fromAsync(backend.list("key", { signal }))).toHaveLength(1);
    expect((await openRepository(backend, password, { signal })).config).toEqual(winners[0]?.value.config);
  });

  test("with another repository's polynomial, or as version 1, keeps to that", async () => {
    const backend = new MemoryBackend();
    const chunkerPolynomial = 0x3da3358b4dc173n;
    await createRepository(backend, password, { ...owner, version: 1, chunkerPolynomial });
    expect((await openRepository(backend, password, { signal })).config).toMatchObject({
      version: 1,
      chunkerPolynomial,
    });
  });

  test("writes the key before the config, so that a half-made repository is none", async () => {
    const backend = new MemoryBackend();
    const save = backend.save.bind(backend);
    backend.save = (key, body, options) =>
      key.type === "config" ? Promise.reject(new Error("full")) : save(key, body, options);
    await expect(createRepository(backend, password, owner)).rejects.toThrow("full");
    await expect(openRepository(backend, password, { signal })).rejects.toEqual(failsWith("ENGINE_NO_REPOSITORY"));
  });
});
