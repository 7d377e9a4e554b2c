/** The folders of a repository on a server, and the modes of what is made there. */
import { posix } from "node:path";
import type { CallOptions, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import { RESTIC_FILE_TYPES, folderOf, pathOf } from "../keys.ts";
import { abortable } from "./abortable.ts";
import { STATUS } from "./protocol/numbers.ts";
import { isMissing, isRefusal } from "./sftp-errors.ts";
import type { SftpSession } from "./sftp-session.ts";

const TYPE_BITS = 0o170000;
const FOLDER = 0o040000;

/** Modes for the owner, and for the group as well when the group may read `config` (as restic's SFTP backend does). */
export interface Modes {
  readonly file: number;
  readonly folder: number;
}

/** The folder of the repository, and how folders are made in it. */
export interface Place {
  readonly location: string;
  readonly root: string;
  readonly mode: number;
}

/** Modes as the repository with this `config` has them; closed to others while there is none. */
export async function modesOf({ calls }: SftpSession, config: string): Promise<Modes> {
  const attributes = await calls.stat(config).catch((error: unknown) => {
    if (!isMissing(error) && !isRefusal(error, STATUS.PERMISSION_DENIED)) throw error;
  });
  return ((attributes?.mode ?? 0) & 0o040) === 0 ? { file: 0o600, folder: 0o700 } : { file: 0o660, folder: 0o770 };
}

/** Makes the repository's folder with those above it, and the empty layout. */
export async function makeLayout(session: SftpSession, place: Place, { signal }: CallOptions): Promise<void> {
  const { root } = place;
  await makeWithParents(session, place, root, signal);
  const folders = RESTIC_FILE_TYPES.filter((type) => type !== "config").map((type) => `${root}/${folderOf(type)}`);
  await Promise.all(folders.map((folder) => make(session, place, folder, signal)));
  const packs = Array.from({ length: 256 }, (_, i) => `${root}/${folderOf("pack")}/${i.toString(16).padStart(2, "0")}`);
  await Promise.all(packs.map((folder) => make(session, place, folder, signal)));
}

/** The folders that a file needs. Never the repository's own: where a disk is not mounted, nothing shall grow in its mount point. */
export async function makeFoldersFor(
  session: SftpSession,
  key: FileKey,
  place: Place,
  { signal }: CallOptions,
): Promise<void> {
  const { root } = place;
  const missing: string[] = [];
  for (let folder = posix.dirname(pathOf(key)); folder !== "."; folder = posix.dirname(folder)) missing.unshift(folder);
  for (const folder of missing) await make(session, place, `${root}/${folder}`, signal);
}

async function makeWithParents(session: SftpSession, place: Place, path: string, signal: AbortSignal): Promise<void> {
  try {
    await make(session, place, path, signal);
  } catch (error) {
    if (!isMissing(error) || posix.dirname(path) === path) throw error;
    await makeWithParents(session, place, posix.dirname(path), signal);
    await make(session, place, path, signal);
  }
}

/** A folder that is there already is as good. */
async function make({ calls }: SftpSession, place: Place, path: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    await abortable(calls.makeFolder(path, place.mode), signal);
  } catch (error) {
    const refused = isRefusal(error, STATUS.FAILURE) || isRefusal(error, STATUS.PERMISSION_DENIED);
    if (!refused) throw error;
    const found = await abortable(calls.stat(path), signal).catch((missing: unknown) => {
      if (!isMissing(missing)) throw missing;
    });
    if (found === undefined) throw error;
    if (found.mode === undefined || (found.mode & TYPE_BITS) === FOLDER) return;
    throw storageError("STORAGE_NOT_A_FOLDER", { location: place.location, path }, error);
  }
}
