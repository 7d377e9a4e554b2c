/** A real file system without room, and one that only reads. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectBytes, expectCode, get, put, unaborted } from "../testing/conformance-subject.ts";
import { fillUp } from "../testing/full-disk.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { mayMount, withSmallDisk } from "../testing/small-disk.ts";
import { openLocal } from "./local-backend.ts";

test.skipIf(!mayMount)("a disk that is full is named, and nothing half is left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-full-"));
  expect(await fillUp(folder, async () => openLocal(folder))).toBe("STORAGE_FULL");
  await rm(folder, { recursive: true });
});

test.skipIf(!mayMount)("a share that only reads is read, and whoever writes is told so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-read-only-"));
  await withSmallDisk(folder, 6, async () => {
    const backend = openLocal(folder);
    await backend.initialize(unaborted());
    const file = sampleFile("pack", 1000);
    await put(backend, file);
    execFileSync("mount", ["-o", "remount,ro", folder]);
    expectBytes(await get(backend, file.key), file.bytes);
    await expectCode(put(backend, sampleFile("pack", 1001)), "STORAGE_READ_ONLY");
    await expectCode(backend.remove(file.key, unaborted()), "STORAGE_READ_ONLY");
    expectBytes(await get(backend, file.key), file.bytes);
    await backend.close();
  });
  await rm(folder, { recursive: true });
});
