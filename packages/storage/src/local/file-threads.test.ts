/** A folder whose small works are done by threads: the same contract as without, and what only threads have. */
import { mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import type { FileInfo } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { composeBackend } from "../compose.ts";
import { backendConformance } from "../testing/conformance.ts";
import { expectBytes, expectCode, get, put, unaborted } from "../testing/conformance-subject.ts";
import { type SampleFile, sampleFile } from "../testing/sample-files.ts";
import { mayMount, withSmallDisk } from "../testing/small-disk.ts";
import { FileThreads } from "./file-threads.ts";
import { type LocalBackend, openLocal } from "./local-backend.ts";

const threads = new FileThreads();
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});
afterAll(() => threads.close());

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-threads-"));
  folders.push(folder);
  return folder;
}

async function openScratch(): Promise<LocalBackend> {
  const backend = openLocal(await scratch(), threads);
  await backend.initialize(unaborted());
  return backend;
}

async function all(batches: AsyncIterable<readonly FileInfo[]> | undefined): Promise<FileInfo[]> {
  const files: FileInfo[] = [];
  for await (const batch of batches ?? []) files.push(...batch);
  return files.toSorted((a, b) => a.name.localeCompare(b.name));
}

backendConformance("LocalBackend with threads", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-threads-"));
  return {
    backend: openLocal(root, threads),
    folder: root,
    async plantForeign(path) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), "foreign");
    },
    dispose: () => rm(root, { recursive: true }),
  };
});

test("a look at a small file brings its bytes, or those of a range, and at a large one what is known of it", async () => {
  const backend = await openScratch();
  const file = sampleFile("pack", 5000);
  await put(backend, file);
  const look = (range?: { offset: number; length: number }, maxBytes = 5000) =>
    backend.peek?.(file.key, { range, maxBytes, ...unaborted() });
  const info = await backend.stat(file.key, unaborted());
  expect((await look())?.info).toEqual(info);
  expectBytes((await look())?.bytes ?? new Uint8Array(0), file.bytes);
  expectBytes((await look({ offset: 100, length: 300 }))?.bytes ?? new Uint8Array(0), file.bytes.subarray(100, 400));
  expect(await look(undefined, 4999)).toEqual({ info, bytes: undefined });
  expect(await look({ offset: 4900, length: 101 })).toEqual({ info, bytes: undefined });
  expect(await backend.peek?.(sampleFile("pack", 1).key, { maxBytes: 10, ...unaborted() })).toBeUndefined();
  await expectCode(
    Promise.resolve(backend.peek?.({ type: "pack", name: "../../etc/passwd" }, { maxBytes: 10, ...unaborted() })),
    "STORAGE_INVALID_NAME",
  );
});

test("what is no file has nothing to show, and is not waited for", async () => {
  const backend = await openScratch();
  const { key } = sampleFile("snapshot", 10);
  await mkdir(join(backend.location, "snapshots", key.name));
  expect(await backend.peek?.(key, { maxBytes: 10, ...unaborted() })).toBeUndefined();
});

test("a list in batches has what a list has, and one that is given up holds up nothing", async () => {
  const backend = await openScratch();
  for (let at = 0; at < 700; at++)
    await writeFile(join(backend.location, "snapshots", sampleFile("snapshot", 8, at).key.name), "x");
  const composed = composeBackend(backend);
  const one: FileInfo[] = [];
  for await (const info of backend.list("snapshot", unaborted())) one.push(info);
  const expected = one.toSorted((a, b) => a.name.localeCompare(b.name));
  expect(expected).toHaveLength(700);
  expect(await all(backend.listBatches?.("snapshot", unaborted()))).toEqual(expected);
  for await (const batch of composed.listBatches?.("snapshot", unaborted()) ?? []) {
    expect(batch.length).toBeLessThan(700);
    break;
  }
  expect(await all(composed.listBatches?.("snapshot", unaborted()))).toEqual(expected);
  expect(await all(composed.listBatches?.("evidence", unaborted()))).toEqual([]);
});

test.skipIf(!mayMount)("a disk that is full is named by a thread, too, and nothing half is left", async () => {
  const folder = await scratch();
  await withSmallDisk(folder, 6, async () => {
    const backend = openLocal(folder, threads);
    await backend.initialize(unaborted());
    const stored: SampleFile[] = [];
    const fill = async (): Promise<void> => {
      for (let at = 0; at < 200; at++) {
        const file = sampleFile("snapshot", 100_000, at);
        await put(backend, file);
        stored.push(file);
      }
    };
    await expectCode(fill(), "STORAGE_FULL");
    expect((await readdir(join(folder, "snapshots"))).toSorted()).toEqual(stored.map(({ key }) => key.name).toSorted());
    for (const { key, bytes } of stored) expectBytes(await get(backend, key), bytes);
  });
});

test("when threads end in the middle, the work is one that may be repeated, and new threads do it", async () => {
  const own = new FileThreads();
  const backend = openLocal(await scratch(), own);
  await backend.initialize(unaborted());
  const files = Array.from({ length: 50 }, (_, at) => sampleFile("snapshot", 4000, at));
  const saves = Promise.allSettled(files.map(({ key, bytes }) => backend.save(key, bytesSource(bytes), unaborted())));
  await new Promise((resolve) => setTimeout(resolve, 60));
  await own.close();
  const failures = (await saves).filter((outcome) => outcome.status === "rejected");
  for (const { reason } of failures) expect(reason).toMatchObject({ code: "STORAGE_UNAVAILABLE", transient: true });
  for (const { key, bytes } of files) {
    await backend.save(key, bytesSource(bytes), unaborted());
    expectBytes(await get(backend, key), bytes);
  }
  await own.close();
});
