/**
 * Moves files from one folder to another without copying them. First all get a second name, which is made durable; then each
 * loses the first. So the folders are flushed once, and no file, as none is written.
 */
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { systemCode } from "@holdfast/base";
import type { MoveOptions } from "../backend.ts";
import type { FileCalls } from "./file-calls.ts";
import { syncFolder } from "./save-file.ts";
import { isUnsupportedCall } from "./system-errors.ts";

/** After so long others get their turn: signals, and whoever shows the progress. */
const SLICE_MS = 10;

/** EPERM also for files of others (`fs.protected_hardlinks`), EXDEV where the other folder is on another disk. */
const CANNOT_LINK = new Set(["EEXIST", "EPERM", "EMLINK", "EXDEV"]);

export interface MoveRequest {
  readonly fromFolder: string;
  /** Must exist. */
  readonly toFolder: string;
  readonly names: readonly string[];
}

/**
 * @returns the names of files that cannot get a second name or another time (no hard links, another owner, a file of that name
 * in the other folder); they are as they were
 * @throws system errors as they are
 */
export async function moveFiles(
  calls: FileCalls,
  { fromFolder, toFolder, names }: MoveRequest,
  { signal, onMoved }: MoveOptions,
): Promise<string[]> {
  const left: string[] = [];
  const linked: string[] = [];
  await forEachInSlices(names, signal, (name) => {
    const outcome = addName(calls, join(fromFolder, name), join(toFolder, name));
    if (outcome === "added") linked.push(name);
    else if (outcome === "refused") left.push(name);
    else onMoved?.(name);
  });
  if (linked.length === 0) return left;
  await syncFolder(calls, toFolder);
  await forEachInSlices(linked, signal, (name) => {
    // Right before the first name goes: a file that keeps both is one of the first folder, and must not seem to have come now.
    if (renewTime(calls, join(toFolder, name))) {
      removeName(calls, join(fromFolder, name));
      onMoved?.(name);
    } else {
      removeName(calls, join(toFolder, name));
      left.push(name);
    }
  });
  await syncFolder(calls, fromFolder);
  return left;
}

async function forEachInSlices<T>(items: readonly T[], signal: AbortSignal, run: (item: T) => void): Promise<void> {
  let until = performance.now() + SLICE_MS;
  for (const item of items) {
    signal.throwIfAborted();
    run(item);
    if (performance.now() < until) continue;
    await setImmediate();
    until = performance.now() + SLICE_MS;
  }
}

function addName(calls: FileCalls, from: string, to: string): "added" | "refused" | "absent" {
  try {
    calls.linkNow(from, to);
    return "added";
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return "absent";
    if (CANNOT_LINK.has(code ?? "") || isUnsupportedCall(error)) return "refused";
    throw error;
  }
}

/** False for a file of another owner, whose time only that one may set. */
function renewTime(calls: FileCalls, path: string): boolean {
  try {
    calls.renewTimeNow(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === "EPERM" || code === "EACCES") return false;
    throw error;
  }
}

/** A name that is gone already is as good. */
function removeName(calls: FileCalls, path: string): void {
  try {
    calls.unlinkNow(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
