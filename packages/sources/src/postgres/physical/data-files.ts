/** Which files of a data folder belong into a base backup. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { WAL_FOLDER } from "./recovery.ts";

/** Folders that are made anew when the server starts: only they themselves are stored. */
const EMPTIED: ReadonlySet<string> = new Set([
  "pg_wal",
  // Tablespaces are captured beside the data folder.
  "pg_tblspc",
  "pg_replslot",
  "pg_dynshmem",
  "pg_notify",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);
/** Files of the running server, of other backups, and of our own making. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "postmaster.pid",
  "postmaster.opts",
  "postgresql.auto.conf.tmp",
  "current_logfiles",
  "current_logfiles.tmp",
  "backup_label",
  "backup_label.old",
  "tablespace_map",
  "tablespace_map.old",
  "backup_manifest",
  "backup_manifest.tmp",
  "recovery.signal",
  "standby.signal",
  WAL_FOLDER,
]);
/** Caches, which the server makes again. */
const CACHE = /^pg_internal\.init(\.|$)/;
const TEMPORARY = /^pgsql_tmp/;
/** Relations of sessions that are gone by then. */
const TEMPORARY_RELATION = /^t\d+_\d+(_(fsm|vm|init))?(\.\d+)?$/;
const RELATION = /^(\d+)(_fsm|_vm|_init)?(\.\d+)?$/;
/** What says where the backup begins is stored last. */
export const CONTROL_FILE = "global/pg_control";

export interface DataFile {
  /** From the data folder, or that of a tablespace, on. */
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * Files and folders below a folder, in order, but without `CONTROL_FILE`. Those that go away meanwhile are passed over: the WAL says
 * what became of them. No link is followed: whoever may write here must not have files of others read. A folder of which only itself is
 * stored, as that of the WAL, may be one.
 * @param isTablespace it is the folder of one; otherwise it is a data folder
 * @param onLink called for links, which are left out
 */
export async function* dataFiles(
  root: string,
  { isTablespace }: { isTablespace: boolean },
  { signal, onLink }: CallOptions & { readonly onLink: (path: string) => void },
): AsyncGenerator<DataFile> {
  const visit = async function* (folder: string): AsyncGenerator<DataFile> {
    signal.throwIfAborted();
    const names = await namesIn(join(root, folder));
    const unlogged = new Set(names.flatMap((name) => /^(\d+)_init$/.exec(name)?.[1] ?? []));
    for (const name of names) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isLeftOut(path, name, { isTablespace, unlogged })) continue;
      const found = await lstat(join(root, path)).catch(ifAbsent);
      const isOnlyItself = !isTablespace && EMPTIED.has(path);
      if (found?.isSymbolicLink() === true) {
        if (isOnlyItself) yield { path, isFolder: true };
        else onLink(path);
      } else if (found?.isDirectory() === true) {
        yield { path, isFolder: true };
        if (!isOnlyItself) yield* visit(path);
      } else if (found?.isFile() === true) yield { path, isFolder: false };
    }
  };
  yield* visit("");
}

function isLeftOut(
  path: string,
  name: string,
  { isTablespace, unlogged }: { isTablespace: boolean; unlogged: ReadonlySet<string> },
): boolean {
  if (TEMPORARY.test(name) || CACHE.test(name) || TEMPORARY_RELATION.test(name)) return true;
  if (!isTablespace && (LEFT_OUT.has(path) || path === CONTROL_FILE)) return true;
  const relation = RELATION.exec(name);
  // Unlogged tables are empty after a restore: the server makes them of their first fork.
  return relation !== null && relation[2] !== "_init" && unlogged.has(relation[1] as string);
}

async function namesIn(folder: string): Promise<string[]> {
  return ((await readdir(folder).catch(ifAbsent)) ?? []).sort();
}

/** @throws all but that it is not there any more */
export function ifAbsent(error: unknown): undefined {
  if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
  throw error;
}
