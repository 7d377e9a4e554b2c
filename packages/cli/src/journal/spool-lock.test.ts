/** The lock of a spool folder. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LOCK_FILE, lockSpool } from "./spool-lock.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-lock-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a lock whose holder is gone counts for nothing, also when another process has its number now", async () => {
  writeFileSync(join(folder, LOCK_FILE), `${process.ppid}\nan earlier start\n`);
  const unlock = await lockSpool(folder);
  await unlock();
  expect(readdirSync(folder)).toEqual([]);
});

test("a lock whose holder is alive is respected", async () => {
  writeFileSync(join(folder, LOCK_FILE), `${process.ppid}\n`);
  await expect(lockSpool(folder)).rejects.toMatchObject({ code: "CLI_SPOOL_TAKEN" });
});
