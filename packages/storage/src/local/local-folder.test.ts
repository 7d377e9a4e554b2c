/** What a repository's folder looks like, beyond the contract of the backend. */
import { chmod, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FileKey } from "../backend.ts";
import { bytesSource, loadBytes } from "../bytes-source.ts";
import { pathOf } from "../keys.ts";
import { get, listAll, put, unaborted } from "../testing/conformance-subject.ts";
import { sampleBytes, sampleFile } from "../testing/sample-files.ts";
import { type LocalBackend, openLocal } from "./local-backend.ts";
import { isTemporaryName, temporaryFor } from "../temporary-names.ts";
import { removeStaleTemporaries } from "./temporaries.ts";

let root = "";
let backend: LocalBackend;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-local-"));
  backend = openLocal(root);
});

afterEach(() => rm(root, { recursive: true }));

async function modeOf(path: string): Promise<number> {
  return (await stat(join(root, path))).mode & 0o777;
}

describe("initialize", () => {
  test("makes the folders of restic's layout, for the owner only", async () => {
    const nested = openLocal(join(root, "a/b"));
    await nested.initialize(unaborted());
    const prefixes = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
    expect((await readdir(join(root, "a/b"))).toSorted()).toEqual(["data", "index", "keys", "locks", "snapshots"]);
    expect((await readdir(join(root, "a/b/data"))).toSorted()).toEqual(prefixes);
    for (const path of ["a/b", "a/b/keys", "a/b/data", "a/b/data/ff"]) expect(await modeOf(path)).toBe(0o700);
  });

  test("fails where a file is in the way", async () => {
    await writeFile(join(root, "keys"), "in the way");
    const refused = { code: "STORAGE_NOT_A_FOLDER", transient: false };
    await expect(backend.initialize(unaborted())).rejects.toMatchObject(refused);
    await expect(openLocal(join(root, "keys")).initialize(unaborted())).rejects.toMatchObject(refused);
    await expect(openLocal(join(root, "keys/below")).initialize(unaborted())).rejects.toMatchObject(refused);
  });
});

describe("save", () => {
  test("leaves exactly the file, which nobody can change by accident", async () => {
    await backend.initialize(unaborted());
    for (const type of ["config", "key", "lock", "snapshot", "index", "pack"] as const) {
      const { key, bytes } = sampleFile(type, 1000);
      await put(backend, { key, bytes });
      expect(await modeOf(pathOf(key))).toBe(0o400);
    }
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
    const keys = ["config", "key", "lock", "snapshot", "index", "pack"] as const;
    expect(files.toSorted()).toEqual(keys.map((type) => pathOf(sampleFile(type, 1000).key)).toSorted());
  });

  test("lets the group in where the group may read config", async () => {
    await put(backend, sampleFile("config", 155));
    await chmod(join(root, "config"), 0o440);
    const file = sampleFile("pack", 10);
    const umask = process.umask(0o022);
    try {
      await put(openLocal(root), file);
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(pathOf(file.key))).toBe(0o440);
    expect(await modeOf("data")).toBe(0o750);
  });

  test("makes the folders that are missing, but never the repository's own", async () => {
    const file = sampleFile("pack", 10);
    await put(backend, file);
    expect(Buffer.compare(await get(backend, file.key), file.bytes)).toBe(0);
    expect(await modeOf(`data/${file.key.name.slice(0, 2)}`)).toBe(0o700);
    const unmounted = openLocal(join(root, "mnt"));
    await expect(put(unmounted, file)).rejects.toMatchObject({ code: "STORAGE_NO_FOLDER", transient: false });
    await expect(put(unmounted, sampleFile("config", 10))).rejects.toMatchObject({ code: "STORAGE_NO_FOLDER" });
    await expect(stat(join(root, "mnt"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("takes bytes in memory shared with other threads", async () => {
    const { key, bytes } = sampleFile("pack", 600_000);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 1));
    shared.set(bytes, 1);
    await backend.save(key, bytesSource(shared.subarray(1, 100), shared.subarray(100)), unaborted());
    expect(Buffer.compare(await get(backend, key), bytes)).toBe(0);
  });
});

describe("a file of more than 32 MiB", () => {
  test("comes in pieces, whole and in ranges", async () => {
    const mib = sampleBytes(1024 * 1024, 3);
    const key: FileKey = { type: "pack", name: "12".repeat(32) };
    await backend.save(key, bytesSource(...Array.from({ length: 37 }, () => mib), Uint8Array.of(7)), unaborted());
    let offset = 0;
    let pieces = 0;
    const compare = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of chunks) {
        pieces++;
        for (let i = 0; i < chunk.length; i += 4093, offset += 4093) {
          expect(chunk[i]).toBe(offset === 37 * mib.length ? 7 : mib[offset % mib.length]);
        }
        offset = pieces * 4 * mib.length;
      }
    };
    await backend.load(key, undefined, compare, unaborted());
    expect(pieces).toBe(10);
    const tail = await loadBytes(backend, key, { offset: 3, length: 37 * mib.length - 2 }, unaborted());
    expect(tail.at(-1)).toBe(7);
    expect(Buffer.compare(tail.subarray(mib.length - 3, 2 * mib.length - 3), mib)).toBe(0);
  });
});

describe("what was left behind", () => {
  test("has a name that no listing takes for a file", () => {
    const target = "ab".repeat(32);
    const name = temporaryFor(target);
    expect(isTemporaryName(name)).toBe(true);
    expect(temporaryFor(target)).not.toBe(name);
    for (const foreign of [target, `${target}-tmp-1234`, `${name}0`, `x${name}`, "config-tmp-1", "config"]) {
      expect(isTemporaryName(foreign)).toBe(false);
    }
  });

  test("is removed after a day, and nothing else is", async () => {
    await backend.initialize(unaborted());
    const pack = sampleFile("pack", 10);
    await put(backend, pack);
    const old = ["config", "keys/*", "snapshots/*", "index/*", "locks/*", "data/00/*", "data/*"].map((path) =>
      temporaryFor(join(root, path.replace("*", "ab".repeat(32)))),
    );
    const kept = [temporaryFor(join(root, "index", "cd".repeat(32))), join(root, "index", `${"ab".repeat(32)}-tmp-99`)];
    for (const path of [...old, ...kept]) await writeFile(path, "cut");
    const longAgo = Date.now() / 1000 - 25 * 3600;
    for (const path of [...old, join(root, pathOf(pack.key)), kept[1] ?? ""]) await utimes(path, longAgo, longAgo);
    expect(await removeStaleTemporaries(root, unaborted())).toBe(old.length);
    for (const path of old) await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
    for (const path of kept) expect((await stat(path)).isFile()).toBe(true);
    expect((await listAll(backend, "pack")).length).toBe(1);
  });

  test("is nothing where no repository is", async () => {
    expect(await removeStaleTemporaries(join(root, "nowhere"), unaborted())).toBe(0);
  });
});
