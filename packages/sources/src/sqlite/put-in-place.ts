/** Puts a restored database in its place: it is there whole or not at all, and what was there before is kept under another name. */
import { mkdir, mkdtemp, realpath, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CapturedTree } from "../contract/captured-tree.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { flushFolder } from "../host/flush-folder.ts";
import { processesWithOpen } from "../host/open-files.ts";
import { isPresent, nameAside } from "../host/set-aside.ts";
import { COMPANIONS } from "./files.ts";

export interface Placing extends CallOptions {
  /** In the capture. */
  readonly file: string;
  readonly path: string;
  readonly overwrite: boolean;
  readonly source: string;
}

/**
 * @returns where the database that was there is now
 * @throws SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED
 */
export async function putInPlace(captured: CapturedTree, placing: Placing): Promise<string | undefined> {
  const { file, path, overwrite, signal } = placing;
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const present = await presentOf(path);
  if (present.length > 0) {
    if (!overwrite) throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: path });
    await refuseInUse(present, path);
  }
  // Beside it, as only within one file system a file changes its name at one stroke.
  const temporary = await mkdtemp(join(folder, ".holdfast-"));
  try {
    await captured.extract(file, temporary, { signal });
    await refuseInUse(await presentOf(path), path);
    signal.throwIfAborted();
    const former = await setAside(path);
    await rename(join(temporary, file), path);
    await flushFolder(folder);
    return former;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The database and its companions, as far as they are there. */
async function presentOf(path: string): Promise<string[]> {
  const present: string[] = [];
  for (const each of [path, ...COMPANIONS.map((ending) => path + ending)]) {
    if (await isPresent(each)) present.push(each);
  }
  return present;
}

async function refuseInUse(present: readonly string[], target: string): Promise<void> {
  const real = await Promise.all(present.map((each) => realpath(each).catch(() => each)));
  if (real.length > 0 && (await processesWithOpen(real)).length > 0) {
    throw sourcesError("SOURCES_TARGET_RUNNING", { target });
  }
}

/** The database first: without its log or journal it would be one that lacks changes, or is torn, and could be opened. */
async function setAside(path: string): Promise<string | undefined> {
  const present = await presentOf(path);
  if (present.length === 0) return undefined;
  const former = nameAside(path);
  for (const each of present) await rename(each, former + each.slice(path.length));
  return former;
}
