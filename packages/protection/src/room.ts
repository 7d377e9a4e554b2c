/** Looks whether a first backup fits before it begins. */
import { statfs } from "node:fs/promises";
import { countAhead, NO_RULES } from "@holdfast/engine";
import type { CriticalFiles } from "./critical-files.ts";
import { protectionError } from "./errors.ts";

/** What a backup may take of the free space: the rest of the machine needs some too. */
const SHARE = 0.8;

/**
 * @param folder where the repository lies, or the nearest folder above it that exists
 * @throws PROTECTION_NO_ROOM when the files, uncompressed, would not fit
 */
export async function requireRoom(
  { targets, rules }: CriticalFiles,
  folder: string,
  { signal }: { signal: AbortSignal },
): Promise<{ files: number; bytes: number }> {
  const { files, bytes } = await countAhead({ targets, cwd: "/", rules: { ...NO_RULES, ...rules } }, signal);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes > free * SHARE) {
    throw protectionError("PROTECTION_NO_ROOM", {
      files,
      needed: readable(bytes),
      free: readable(free),
      location: folder,
    });
  }
  return { files, bytes };
}

function readable(bytes: number): string {
  const [unit, size] = bytes < 1024 ** 3 / 10 ? (["MiB", 1024 ** 2] as const) : (["GiB", 1024 ** 3] as const);
  return `${(bytes / size).toFixed(1)} ${unit}`;
}
