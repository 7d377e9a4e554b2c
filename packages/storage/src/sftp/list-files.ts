/** Lists the remote files of one type as a stream: several folders at a time, and several answers of each ahead. */
import type { CallOptions, FileInfo, FileType } from "../backend.ts";
import { folderOf, isFileName } from "../keys.ts";
import { abortable, openedHandle } from "./abortable.ts";
import type { Attributes } from "./protocol/packets.ts";
import type { FolderEntry } from "./protocol/sftp-calls.ts";
import { isMissing } from "./sftp-errors.ts";
import type { SftpSession } from "./sftp-session.ts";

/** Answers of one folder that are asked for ahead; OpenSSH puts 100 names into each. */
const AHEAD_ANSWERS = 4;
/** Folders that are read at a time: the 256 of the packs take 4 rounds. */
const FOLDERS_AT_ONCE = 64;

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;

/**
 * Yields what is in the folder of `type` below `root`. Foreign names are skipped, also packs in a folder that is not theirs,
 * and files that vanish meanwhile. A missing folder is an empty one. Memory: the names of 64 folders of packs.
 * @throws failures of calls as they are
 */
export async function* listFiles(
  session: SftpSession,
  root: string,
  type: FileType,
  { signal }: CallOptions,
): AsyncGenerator<FileInfo> {
  signal.throwIfAborted();
  if (type === "config") {
    const info = await abortable(fileInfo(session, `${root}/config`, ""), signal);
    if (info !== undefined) yield info;
    return;
  }
  const folder = `${root}/${folderOf(type)}`;
  if (type !== "pack") {
    yield* listFolder(session, folder, (name) => isFileName(type, name), signal);
    return;
  }
  const prefixes: string[] = [];
  for await (const { name } of entriesOf(session, folder, signal)) if (/^[0-9a-f]{2}$/.test(name)) prefixes.push(name);
  const folders: Promise<FileInfo[]>[] = [];
  const startNext = (): void => {
    const prefix = prefixes.shift();
    if (prefix === undefined) return;
    const isOurs = (name: string): boolean => isFileName(type, name) && name.startsWith(prefix);
    const infos = Array.fromAsync(listFolder(session, `${folder}/${prefix}`, isOurs, signal));
    infos.catch(() => {}); // the caller may stop before it is due
    folders.push(infos);
  };
  for (let i = 0; i < FOLDERS_AT_ONCE; i++) startNext();
  for (let infos = folders.shift(); infos !== undefined; infos = folders.shift()) {
    const found = await infos;
    startNext();
    for (const info of found) {
      yield info;
      signal.throwIfAborted();
    }
  }
}

/** Facts of the file at `path`; `undefined` when there is none. The time is that of the last write. */
export async function fileInfo({ calls }: SftpSession, path: string, name: string): Promise<FileInfo | undefined> {
  try {
    return infoOf(name, await calls.stat(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function* listFolder(
  session: SftpSession,
  folder: string,
  isOurs: (name: string) => boolean,
  signal: AbortSignal,
): AsyncGenerator<FileInfo> {
  for await (const { name, attributes } of entriesOf(session, folder, signal)) {
    if (!isOurs(name)) continue;
    // A server may leave facts out, and those of a link are not those of its file.
    const isKnown = attributes.sizeBytes !== undefined && isRegular(attributes);
    const info = isKnown
      ? infoOf(name, attributes)
      : await abortable(fileInfo(session, `${folder}/${name}`, name), signal);
    if (info === undefined) continue;
    yield info;
    signal.throwIfAborted();
  }
}

/** The entries of a folder; none when it is missing or is no folder. */
async function* entriesOf({ calls }: SftpSession, folder: string, signal: AbortSignal): AsyncGenerator<FolderEntry> {
  const opening = calls.openFolder(folder);
  const handle = await openedHandle(calls, opening, signal).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  if (handle === undefined) return;
  const answers: Promise<FolderEntry[] | undefined>[] = [];
  const ask = (): void => {
    const answer = calls.readFolder(handle);
    answer.catch(() => {});
    answers.push(answer);
  };
  try {
    for (let i = 0; i < AHEAD_ANSWERS; i++) ask();
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
      const entries = await abortable(answer, signal);
      if (entries === undefined) return;
      ask();
      yield* entries;
    }
  } finally {
    calls.closeHandle(handle).catch(() => {});
  }
}

function infoOf(name: string, attributes: Attributes): FileInfo | undefined {
  const { sizeBytes, mode, modifiedSeconds } = attributes;
  if (sizeBytes === undefined || (mode !== undefined && !isRegular(attributes))) return undefined;
  return { name, sizeBytes, ...(modifiedSeconds === undefined ? {} : { receivedAtMs: modifiedSeconds * 1000 }) };
}

function isRegular({ mode }: Attributes): boolean {
  return mode !== undefined && (mode & TYPE_BITS) === REGULAR;
}
