/** A disk that is soon full: a file system in memory, for tests that run as root. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Whether this process may mount. */
export const mayMount = process.getuid?.() === 0 && process.platform === "linux";

/** Mounts one of so many MiB at a folder that is made for it, and takes it away after `use`. */
export async function withSmallDisk(folder: string, mib: number, use: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=0777`, "tmpfs", folder]);
  try {
    await use();
  } finally {
    execFileSync("umount", ["-l", folder]);
  }
}
