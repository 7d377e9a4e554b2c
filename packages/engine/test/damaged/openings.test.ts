import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isHoldfastError, Secret } from "@holdfast/base";
import { bytesSource, openLocal, type Backend } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { createRepository } from "../../src/repository/create.ts";
import { openRepository } from "../../src/repository/open.ts";
import { CHEAP_KDF, NEVER, newRepository, scratchFolder } from "../backup-lab.ts";
import { bytesOf, change, copyOf, cutTo, flipBit, idsOf, makeGood, PASSWORD, type Good } from "./good.ts";

const CONFIG = { type: "config", name: "" } as const;
let good: Good;

beforeAll(async () => {
  good = await makeGood();
});

async function keyOf(backend: Backend): Promise<{ type: "key"; name: string }> {
  const [name] = await Array.fromAsync(backend.list("key", { signal: NEVER }), (info) => info.name);
  return { type: "key", name: name as string };
}

const cases: { broken: string; code: string; breakIt: (backend: Backend) => Promise<unknown> }[] = [
  {
    broken: "a flipped bit in the config",
    code: "ENGINE_CONFIG_BROKEN",
    breakIt: (backend) => flipBit(backend, CONFIG, 30),
  },
  { broken: "an empty config", code: "ENGINE_CONFIG_BROKEN", breakIt: (backend) => cutTo(backend, CONFIG, 0) },
  { broken: "a config cut off", code: "ENGINE_CONFIG_BROKEN", breakIt: (backend) => cutTo(backend, CONFIG, 20) },
  {
    broken: "a config of 100 MB",
    code: "STORAGE_TOO_LARGE",
    breakIt: (backend) => change(backend, CONFIG, () => new Uint8Array(100_000_000)),
  },
  {
    broken: "no config",
    code: "ENGINE_NO_REPOSITORY",
    breakIt: (backend) => backend.remove(CONFIG, { signal: NEVER }),
  },
  {
    broken: "the config of another repository",
    code: "ENGINE_CONFIG_BROKEN",
    breakIt: async (backend) => {
      const other = await bytesOf((await newRepository()).backend, CONFIG);
      await change(backend, CONFIG, () => other);
    },
  },
  {
    broken: "no key file",
    code: "ENGINE_NO_KEY",
    breakIt: async (backend) => backend.remove(await keyOf(backend), { signal: NEVER }),
  },
  {
    broken: "a key file cut off",
    code: "ENGINE_NO_KEY",
    breakIt: async (backend) => cutTo(backend, await keyOf(backend), 50),
  },
  {
    broken: "the key file of another repository, with the same password",
    code: "ENGINE_CONFIG_BROKEN",
    breakIt: async (backend) => {
      await backend.remove(await keyOf(backend), { signal: NEVER });
      const other = (await newRepository()).backend;
      const key = await keyOf(other);
      await backend.save(key, bytesSource(await bytesOf(other, key)), { signal: NEVER });
    },
  },
];

describe("opening a repository with", () => {
  test.each(cases)("$broken fails with $code", async ({ code, breakIt }) => {
    const { backend } = await copyOf(good.repository);
    await breakIt(backend);
    const error: unknown = await openRepository(backend, PASSWORD, { signal: NEVER }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toMatch(/\n\s+at /);
  });

  test("any one bit flipped in its only key file fails as damage or as a wrong password", async () => {
    const { backend } = await copyOf(good.repository);
    const key = await keyOf(backend);
    const { length } = await bytesOf(backend, key);
    const codes = new Set<string>();
    for (let at = 0; at < length; at += 7) {
      await flipBit(backend, key, at);
      const error: unknown = await openRepository(backend, PASSWORD, { signal: NEVER }).catch(
        (caught: unknown) => caught,
      );
      codes.add(isHoldfastError(error) ? error.code : String(error));
      await flipBit(backend, key, at);
    }
    for (const code of codes) expect(["ENGINE_NO_KEY", "ENGINE_WRONG_PASSWORD"]).toContain(code);
    expect((await openRepository(backend, PASSWORD, { signal: NEVER })).keyId).toBe(good.repository.keyId);
  }, 120_000);

  test("a wrong password fails with ENGINE_WRONG_PASSWORD", async () => {
    const { backend } = await copyOf(good.repository);
    await expect(openRepository(backend, new Secret("other"), { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_WRONG_PASSWORD",
    });
  });

  test("a folder of something else is no repository, and files of others in one do no harm", async () => {
    const foreign = scratchFolder();
    mkdirSync(join(foreign, "data"));
    writeFileSync(join(foreign, "data", "notes.txt"), "mine");
    await expect(openRepository(openLocal(foreign), PASSWORD, { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_NO_REPOSITORY",
    });
    const own = scratchFolder();
    const made = await createRepository(openLocal(own), PASSWORD, {
      signal: NEVER,
      hostname: "h",
      username: "u",
      kdf: CHEAP_KDF,
    });
    for (const name of ["snapshots/.DS_Store", "index/README", "keys/old.bak", "data/00/x", "Thumbs.db"]) {
      mkdirSync(join(own, name, ".."), { recursive: true });
      writeFileSync(join(own, name), "foreign");
    }
    const opened = await openRepository(openLocal(own), PASSWORD, { signal: NEVER });
    expect(opened.config.id).toBe(made.config.id);
    expect(await idsOf(opened, "snapshot")).toEqual([]);
    expect(await idsOf(opened, "index")).toEqual([]);
    expect(await idsOf(opened, "pack")).toEqual([]);
  });

  test("an empty store is no repository", async () => {
    await expect(openRepository(new MemoryBackend(), PASSWORD, { signal: NEVER })).rejects.toMatchObject({
      code: "ENGINE_NO_REPOSITORY",
    });
  });
});
