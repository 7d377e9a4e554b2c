/**
 * Memory of a prune at size: 300,000 blobs, or with HOLDFAST_SCALE=1 ten million, of which a fiftieth moves. Prints what it
 * measured.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { BLOBS_PER_PACK, makeLarge } from "./large-repository.ts";

const IS_LARGE = process.env["HOLDFAST_SCALE"] === "1";
const BLOBS = IS_LARGE ? 10_000_000 : 300_000;
const PACKS = BLOBS / BLOBS_PER_PACK;
const LIMIT_MB = IS_LARGE ? 1_000 : 350;
const victim = fileURLToPath(new URL("./prune-large.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "holdfast-large-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(`a prune of ${BLOBS} blobs stays within ${LIMIT_MB} MB`, { timeout: 1_800_000 }, async () => {
  const needed = await makeLarge(folder, PACKS);
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, victim, folder, String(PACKS)]);
  process.stdout.write(`prune of ${BLOBS} blobs: ${stdout}\n`);
  const measured = JSON.parse(stdout) as Record<string, number>;
  const trees = (measured["used"] ?? 0) - needed;
  expect(trees).toBeGreaterThan(0);
  expect(trees).toBeLessThan(needed / 5_000);
  expect(measured["removed"]).toBeGreaterThan(PACKS / 15);
  expect(measured["moved"]).toBeGreaterThan(BLOBS / 70);
  expect(measured["peakMb"]).toBeLessThan(LIMIT_MB);
});
