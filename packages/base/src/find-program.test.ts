import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findProgram } from "./find-program.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-find-"));
  await mkdir(join(folder, "a/tool"), { recursive: true });
  await mkdir(join(folder, "b"));
  await writeFile(join(folder, "b/tool"), "");
  await chmod(join(folder, "b/tool"), 0o755);
  await writeFile(join(folder, "a/plain"), "");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the first that may be run is taken; folders and plain files are passed over", async () => {
  const path = `${folder}/a:relative:${folder}/b`;
  expect(await findProgram("tool", path)).toBe(join(folder, "b/tool"));
  expect(await findProgram("plain", path)).toBeUndefined();
  expect(await findProgram("absent", path)).toBeUndefined();
});

test("a path stands for itself", async () => {
  expect(await findProgram(`${folder}/b/tool`, "")).toBe(join(folder, "b/tool"));
  expect(await findProgram(`${folder}/a/tool`, "")).toBeUndefined();
});
