/** Folders for tests, removed when the test file is done: also when something is still mounted in them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export const isRoot = process.getuid?.() === 0;

const mounts: string[] = [];

/**
 * A new folder for the tests of one file.
 * @param parent where; for tests that mind when others change the time of that folder
 */
export function scratchFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, "holdfast-test-"));
  afterAll(() => {
    for (const mount of mounts.splice(0).reverse()) execFileSync("umount", [mount]);
    // Not rmSync, which gives up at paths longer than the system takes.
    execFileSync("rm", ["-rf", folder]);
  }, 120_000);
  return folder;
}

/** Mounts a file system of this size in memory; only as root. @param options as for `mount -o`, such as `size=8m` */
export function mountMemory(folder: string, options: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
  mounts.push(folder);
}

/** Changes options of a mounted file system, such as `size=64m` or `ro`. */
export function remount(folder: string, options: string): void {
  execFileSync("mount", ["-o", `remount,${options}`, folder]);
}
