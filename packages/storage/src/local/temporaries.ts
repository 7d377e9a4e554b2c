/** Removes temporary files that killed runs left beside their targets. */
import { stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions } from "../backend.ts";
import { type Clock, systemClock } from "../clock.ts";
import { FILE_TYPES, folderOf } from "../keys.ts";
import { isTemporaryName } from "../temporary-names.ts";
import { ignoreMissing, namesIn } from "./folder-names.ts";
import { fromSystemError } from "./system-errors.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export interface StaleOptions extends CallOptions {
  /** Time since the last write to the file. Default: a day, far more than any save takes between two writes. */
  readonly olderThanMs?: number;
  readonly clock?: Clock;
}

/**
 * Removes what killed runs left behind in the repository at `path`: temporary files of our own pattern that nobody has written
 * to for a day. Harmless beside running writers. Returns how many it removed.
 * @throws STORAGE_PERMISSION, STORAGE_READ_ONLY, STORAGE_UNAVAILABLE
 */
export async function removeStaleTemporaries(
  path: string,
  { signal, olderThanMs = DAY_MS, clock = systemClock }: StaleOptions,
): Promise<number> {
  const before = clock.nowMs() - olderThanMs;
  let removed = 0;
  try {
    for await (const file of temporaries(path)) {
      signal.throwIfAborted();
      const facts = await stat(file).catch(ignoreMissing);
      if (facts === undefined || !facts.isFile() || facts.mtimeMs >= before) continue;
      await unlink(file).catch(ignoreMissing);
      removed++;
    }
  } catch (error) {
    throw fromSystemError(error, { location: path, path }) ?? error;
  }
  return removed;
}

async function* temporaries(root: string): AsyncGenerator<string> {
  for (const type of FILE_TYPES) {
    const folder = join(root, folderOf(type));
    yield* temporariesIn(folder);
    if (type !== "pack") continue;
    for await (const name of namesIn(folder)) {
      if (/^[0-9a-f]{2}$/.test(name)) yield* temporariesIn(join(folder, name));
    }
  }
}

async function* temporariesIn(folder: string): AsyncGenerator<string> {
  for await (const name of namesIn(folder)) {
    if (isTemporaryName(name)) yield join(folder, name);
  }
}
