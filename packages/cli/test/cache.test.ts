import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { holdfast, makeRepository, temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
const cache = join(folder, "cache");
const variables = { HOLDFAST_REPOSITORY: join(folder, "repo"), HOLDFAST_PASSWORD: "test" };

beforeAll(async () => {
  await makeRepository(variables);
  mkdirSync(source);
  writeFileSync(join(source, "a.txt"), "one\n");
  expect((await holdfast(["backup", "-q", source], { variables })).code).toBe(0);
}, 60_000);

beforeEach(() => rmSync(cache, { recursive: true, force: true }));

async function run(...args: string[]): Promise<void> {
  const { code, stderr } = await holdfast([...args, "--cache-dir", cache], { variables });
  expect(code, stderr).toBe(0);
}

/** Ids of the packs of which the cache has a copy. */
function cachedPacks(): string[] {
  return readdirSync(cache, { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes("/data/"))
    .map((path) => path.slice(path.lastIndexOf("/") + 1))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .sort();
}

/** Ids of the packs that hold blobs of a type. */
async function packsWith(type: "data" | "tree"): Promise<string[]> {
  const { stdout } = await holdfast(["list", "blobs", "--json"], { variables });
  const blobs = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; pack: string });
  return [...new Set(blobs.filter((blob) => blob.type === type).map(({ pack }) => pack))].sort();
}

describe("the cache keeps the packs with trees, and no others", () => {
  test("of which ls reads", async () => {
    await run("ls", "latest");
    const trees = await packsWith("tree");
    expect(cachedPacks().length).toBeGreaterThan(0);
    expect(cachedPacks().every((id) => trees.includes(id))).toBe(true);
  });

  test("that a backup reads of its parent, and those that it stores", async () => {
    const before = await packsWith("tree");
    writeFileSync(join(source, "b.txt"), "two\n");
    await run("backup", source);
    const after = await packsWith("tree");
    expect(after.length).toBeGreaterThan(before.length);
    expect(cachedPacks()).toEqual(after);
  });

  test("that a check reads, when it may trust them", async () => {
    await run("check", "--read-data", "--with-cache");
    expect(cachedPacks()).toEqual(await packsWith("tree"));
    expect(await packsWith("data")).not.toEqual([]);
  });

  test("but none when there is to be no cache", async () => {
    await run("check", "--read-data", "--with-cache", "--no-cache");
    expect(() => readdirSync(cache)).toThrow();
  });
});
