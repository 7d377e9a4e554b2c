/** Memory stays small, however many files there are and however large they are. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { differences, holdfast, holdfastCommand, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const MIB = 1024 * 1024;
const LIMIT_MIB = 512;
const FILES = 50_000;

const many = join(folder, "many");
const large = join(folder, "large");
const repository = join(folder, "repository");

beforeAll(() => {
  for (let n = 0; n < FILES; n++) {
    const parent = join(many, `${n % 500}`);
    if (n < 500) mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file number ${n}`), n % 3 === 0 ? `content ${n}` : "");
  }
  mkdirSync(large);
  const file = openSync(join(large, "sparse"), "w");
  ftruncateSync(file, 1024 * MIB);
  closeSync(file);
  makeQuickRepository(repository);
}, 60_000);

/** Runs Holdfast to its end. @returns the most memory that was resident at any time, in MiB */
async function peakMib(args: readonly string[]): Promise<number> {
  const { child, outcome } = start(...holdfastCommand(repository, args));
  let peak = 0;
  const watch = setInterval(() => {
    try {
      // The system's own high-water mark, so nothing is missed between two looks.
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peak = Math.max(peak, Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has ended.
    }
  }, 10);
  succeed(await outcome);
  clearInterval(watch);
  expect(peak).toBeGreaterThan(30);
  return peak;
}

describe.skipIf(process.platform !== "linux")(`within ${LIMIT_MIB} MiB of memory`, { timeout: 120_000 }, () => {
  test.for([
    { what: `a first backup of ${FILES} files`, args: ["backup", many] },
    { what: "a backup of them when nothing has changed", args: ["backup", many] },
    { what: "a backup that reads them all again", args: ["backup", "--force", many] },
    { what: "a check of everything", args: ["check", "--read-data"] },
    { what: "a restore of them", args: ["restore", "latest", "--target", join(folder, "restored")] },
    { what: "a backup of a file of 1 GiB of zeros", args: ["backup", large] },
    { what: "a restore of it", args: ["restore", "latest", "--sparse", "--target", join(folder, "restored large")] },
  ])("$what", async ({ what, args }) => {
    const peak = await peakMib(args);
    process.stdout.write(`${what}: ${peak.toFixed(0)} MiB\n`);
    expect(peak).toBeLessThan(LIMIT_MIB);
  });

  test("and what was restored is what was saved", () => {
    expect(differences(many, join(folder, "restored", many))).toBe("");
    expect(differences(large, join(folder, "restored large", large))).toBe("");
    expect(succeed(holdfast(repository, ["snapshots", "--json"]))).toContain(large);
  });
});
