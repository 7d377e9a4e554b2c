import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FileKey } from "../backend.ts";
import { loadBytes } from "../bytes-source.ts";
import { CacheFolder, type CachedKey } from "../cache/cache-folder.ts";
import { pathOf } from "../keys.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { get, put, unaborted } from "../testing/conformance-subject.ts";
import { type SampleFile, sampleBytes, sampleFile } from "../testing/sample-files.ts";
import { CacheBackend } from "./cache.ts";
import { type FaultOperation, type FaultPlan, scriptedFaults } from "./faults.ts";
import { FaultyBackend } from "./faulty.ts";

const ID = "ab".repeat(32);
const TREES = sampleFile("pack", 400_000, 1);
const DATA = sampleFile("pack", 400_000, 2);

let root = "";
let store = new MemoryBackend();
let calls: FaultOperation[] = [];
let problems: unknown[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-cache-"));
  store = new MemoryBackend();
  calls = [];
  problems = [];
});

afterEach(() => rm(root, { recursive: true }));

/** A cache as a new process would open it. Every call that reaches the store is noted. */
async function open(plan: FaultPlan = scriptedFaults([])): Promise<CacheBackend> {
  const noting: FaultPlan = {
    next(operation, type) {
      calls.push(operation);
      return plan.next(operation, type);
    },
  };
  const folder = await CacheFolder.open(root, ID);
  const cachePack = (name: string): boolean => name === TREES.key.name;
  const onProblem = (error: unknown): void => void problems.push(error);
  return new CacheBackend(new FaultyBackend(store, noting), { folder, cachePack, onProblem });
}

function copyOf(key: FileKey): string {
  return join(root, ID, pathOf(key));
}

async function expectLoads(backend: CacheBackend, { key, bytes }: SampleFile): Promise<void> {
  expect(Buffer.compare(await get(backend, key), bytes)).toBe(0);
  const range = { offset: 1, length: bytes.length - 2 };
  expect(Buffer.compare(await loadBytes(backend, key, range, unaborted()), bytes.subarray(1, -1))).toBe(0);
}

describe("what is cached", () => {
  test.each([sampleFile("snapshot", 300), sampleFile("index", 70_000), TREES])(
    "a $key.type file is loaded once, then from the folder, also by a later process",
    async (file) => {
      await put(store, file);
      const first = await open();
      await expectLoads(first, file);
      expect(calls).toEqual(["load"]);
      await expectLoads(await open(), file);
      expect(calls).toEqual(["load"]);
    },
  );

  test.each([sampleFile("snapshot", 300), sampleFile("index", 70_000), TREES])(
    "a saved $key.type file is not loaded at all",
    async (file) => {
      const backend = await open();
      await put(backend, file);
      await expectLoads(backend, file);
      await expectLoads(await open(), file);
      expect(calls).toEqual(["save"]);
    },
  );

  test.each([sampleFile("config", 155), sampleFile("key", 400), sampleFile("lock", 200), DATA])(
    "a $key.type file that is no metadata comes from the store each time",
    async (file) => {
      const backend = await open();
      await put(backend, file);
      await expectLoads(backend, file);
      expect(calls).toEqual(["save", "load", "load"]);
      expect(await readdir(join(root, ID))).toEqual([]);
    },
  );

  test("many readers at once cause one download", async () => {
    await put(store, TREES);
    const backend = await open();
    await Promise.all(Array.from({ length: 20 }, () => expectLoads(backend, TREES)));
    expect(calls).toEqual(["load"]);
  });

  test("a reader whose download was aborted by another one's abort downloads itself", async () => {
    await put(store, TREES);
    const backend = await open();
    const aborter = new AbortController();
    const reason = new Error("enough");
    const first = loadBytes(backend, TREES.key, undefined, { signal: aborter.signal }).catch((error: unknown) => error);
    const second = expectLoads(backend, TREES);
    aborter.abort(reason);
    expect(await first).toBe(reason);
    await second;
  });

  test("a removed file is removed from the folder too", async () => {
    const backend = await open();
    await put(backend, TREES);
    await backend.remove(TREES.key, unaborted());
    await expect(stat(copyOf(TREES.key))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a copy that is wrong", () => {
  const damages: [string, (path: string) => Promise<void>][] = [
    ["cut short", (path) => writeFile(path, TREES.bytes.subarray(0, 1000))],
    ["empty", (path) => writeFile(path, "")],
    ["longer", (path) => writeFile(path, Buffer.concat([TREES.bytes, Buffer.from("x")]))],
    [
      "changed by a bit",
      (path) =>
        writeFile(
          path,
          TREES.bytes.map((byte, i) => (i === 200_000 ? byte ^ 4 : byte)),
        ),
    ],
    ["another file", (path) => writeFile(path, DATA.bytes)],
    ["a folder", (path) => rm(path).then(() => void mkdir(path))],
  ];

  test.each(damages)("(%s) is not used, and the file is read again", async (_, damage) => {
    await put(await open(), TREES);
    await chmod(copyOf(TREES.key), 0o600);
    await damage(copyOf(TREES.key));
    const backend = await open();
    await expectLoads(backend, TREES);
    expect(calls).toContain("load");
  });

  test.each(damages.filter(([name]) => name !== "changed by a bit" && name !== "another file"))(
    "(%s since it was checked) is not used either",
    async (_, damage) => {
      const backend = await open();
      await put(backend, TREES);
      await expectLoads(backend, TREES);
      await damage(copyOf(TREES.key));
      await expectLoads(backend, TREES);
    },
  );
});

test("a copy that was replaced by something shorter since it was checked is not used, not even its beginning", async () => {
  const backend = await open();
  await put(backend, TREES);
  await writeFile(copyOf(TREES.key), DATA.bytes.subarray(0, 1000));
  const bytes = await loadBytes(backend, TREES.key, { offset: 0, length: 100 }, unaborted());
  expect(bytes).toEqual(TREES.bytes.slice(0, 100));
});

describe("trouble", () => {
  test("what the store has wrong comes out as the store has it, and is not kept", async () => {
    const wrong = { key: TREES.key, bytes: sampleBytes(5000, 9) };
    await put(store, wrong);
    const backend = await open();
    await expectLoads(backend, wrong);
    await expect(stat(copyOf(TREES.key))).rejects.toMatchObject({ code: "ENOENT" });
    expect(problems).toEqual([]);
  });

  test("a folder that cannot be written is reported once, and costs no file", async () => {
    await put(store, TREES);
    const backend = await open();
    await writeFile(join(root, ID, "data"), "in the way");
    await writeFile(join(root, ID, "index"), "in the way");
    const indexes = [1, 2, 3].map((seed) => sampleFile("index", 100, seed));
    await Promise.all([expectLoads(backend, TREES), ...indexes.map((file) => put(backend, file))]);
    for (const file of [TREES, ...indexes]) await expectLoads(backend, file);
    expect(problems.length).toBe(1);
  });

  test("a failed download is the caller's error, and is tried again the next time", async () => {
    await put(store, TREES);
    const backend = await open(
      scriptedFaults([{ operation: "load", call: 1, fault: { kind: "fail", when: "middle" } }]),
    );
    await expect(get(backend, TREES.key)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expectLoads(backend, TREES);
  });

  test("a failed save leaves no copy", async () => {
    const backend = await open(
      scriptedFaults([{ operation: "save", call: 1, fault: { kind: "fail", when: "before" } }]),
    );
    await expect(put(backend, TREES)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(get(backend, TREES.key)).rejects.toMatchObject({ code: "STORAGE_NOT_FOUND" });
  });
});

describe("CacheFolder", () => {
  test("is closed to others, and marked as a cache", async () => {
    await put(await open(), TREES);
    for (const path of [join(root, ID), join(root, ID, "data"), join(root, ID, pathOf(TREES.key), "..")]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect((await stat(copyOf(TREES.key))).mode & 0o777).toBe(0o600);
    const tag = await readFile(join(root, "CACHEDIR.TAG"), "utf8");
    expect(tag.startsWith("Signature: 8a477f597d28d172789f06886806bc55\n")).toBe(true);
  });

  test.each(["", "..", "../../etc", "AB".repeat(32)])("refuses '%s' as a repository's id", async (id) => {
    await expect(CacheFolder.open(root, id)).rejects.toMatchObject({ code: "STORAGE_INVALID_NAME" });
  });

  test("prune removes what the repository no longer has, and old leftovers", async () => {
    const folder = await CacheFolder.open(root, ID);
    const known = sampleFile("index", 10, 1);
    const gone = sampleFile("index", 10, 2);
    for (const { key, bytes } of [known, gone]) await folder.write(key as CachedKey, bytes);
    const [old, young] = ["0", "1"].map((digit) => `${copyOf(gone.key)}-tmp-holdfast-${digit.repeat(16)}`) as [
      string,
      string,
    ];
    for (const path of [old, young]) await writeFile(path, "cut");
    const longAgo = Date.now() / 1000 - 7200;
    await utimes(old, longAgo, longAgo);
    await writeFile(join(root, ID, "index", "foreign"), "");
    expect(await folder.prune("index", (name) => name === known.key.name, unaborted())).toBe(2);
    const left = await readdir(join(root, ID, "index"));
    expect(left.toSorted()).toEqual(
      [known.key.name, `${gone.key.name}-tmp-holdfast-${"1".repeat(16)}`, "foreign"].toSorted(),
    );
    expect(folder.verifiedSize(gone.key as CachedKey)).toBeUndefined();
  });

  test("prune of packs goes through their folders", async () => {
    const folder = await CacheFolder.open(root, ID);
    await folder.write(TREES.key as CachedKey, TREES.bytes);
    await folder.write(DATA.key as CachedKey, DATA.bytes);
    expect(await folder.prune("pack", (name) => name === DATA.key.name, unaborted())).toBe(1);
    await expect(stat(copyOf(TREES.key))).rejects.toMatchObject({ code: "ENOENT" });
    expect((await stat(copyOf(DATA.key))).size).toBe(DATA.bytes.length);
  });
});
