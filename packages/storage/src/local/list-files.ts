/** Lists the files of one type in a folder, as a stream: memory stays the same for ten packs and for a million. */
import { join } from "node:path";
import type { CallOptions, FileInfo, FileType } from "../backend.ts";
import { folderOf, isFileName } from "../keys.ts";
import type { FileCalls } from "./file-calls.ts";
import { ignoreMissing, namesIn } from "./folder-names.ts";

/** How many `stat` calls are under way at once: enough to keep the thread pool busy, which then takes 4 µs a file. */
const BATCH = 64;

/** As `listFileBatches`, one by one. */
export async function* listFiles(
  calls: FileCalls,
  root: string,
  type: FileType,
  options: CallOptions,
): AsyncGenerator<FileInfo> {
  for await (const infos of listFileBatches(calls, root, type, options)) yield* infos;
}

/**
 * Yields what is in the folder of `type` below `root`, some files at a time. Foreign names are skipped, also packs in a folder that
 * is not theirs, and files that vanish meanwhile. A missing folder is an empty one.
 * @throws system errors as they are
 */
export async function* listFileBatches(
  calls: FileCalls,
  root: string,
  type: FileType,
  { signal }: CallOptions,
): AsyncGenerator<readonly FileInfo[]> {
  signal.throwIfAborted();
  if (type === "config") {
    yield await infosOf(calls, root, ["config"], () => "");
    return;
  }
  const folder = join(root, folderOf(type));
  if (type !== "pack") {
    yield* listFolder(calls, folder, (name) => isFileName(type, name), signal);
    return;
  }
  for await (const prefix of namesIn(folder)) {
    if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
    yield* listFolder(calls, join(folder, prefix), (name) => isFileName(type, name) && name.startsWith(prefix), signal);
  }
}

async function* listFolder(
  calls: FileCalls,
  folder: string,
  isOurs: (name: string) => boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly FileInfo[]> {
  let batch: string[] = [];
  for await (const name of namesIn(folder)) {
    if (!isOurs(name)) continue;
    batch.push(name);
    if (batch.length < BATCH) continue;
    signal.throwIfAborted();
    yield await infosOf(calls, folder, batch);
    batch = [];
  }
  signal.throwIfAborted();
  yield await infosOf(calls, folder, batch);
}

async function infosOf(
  calls: FileCalls,
  folder: string,
  entries: readonly string[],
  nameOf: (entry: string) => string = (entry) => entry,
): Promise<readonly FileInfo[]> {
  const found = await Promise.all(entries.map((entry) => fileInfo(calls, `${folder}/${entry}`, nameOf(entry))));
  return found.filter((info) => info !== undefined);
}

/** Facts of the file at `path`; `undefined` when there is none. The time is that of the last write. */
export async function fileInfo(calls: FileCalls, path: string, name: string): Promise<FileInfo | undefined> {
  const facts = await calls.stat(path).catch(ignoreMissing);
  return facts?.isFile() === true ? { name, sizeBytes: facts.size, receivedAtMs: facts.mtimeMs } : undefined;
}
