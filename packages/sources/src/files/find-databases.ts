/** Finds SQLite databases among files: by their header, where a name or a companion gives reason to look. */
import { closeSync, openSync, readSync, readdirSync } from "node:fs";
import { setImmediate as eventLoopTurn } from "node:timers/promises";
import { type Selection, fsPath, listFolder, lstatNs } from "@holdfast/engine";
import type { CallOptions } from "../contract/source.ts";
import { COMPANIONS, SQLITE_HEADER } from "../sqlite/files.ts";

/** Endings by which a file is looked at; others only while something lies beside them. */
export const DATABASE_NAMES = /\.(db|db3|sqlite|sqlite3|s3db|sdb|sl3)$/i;
/** The walk would otherwise keep signals waiting until its end. */
const TURN_MS = 20;

export interface FoundDatabase {
  /** Surrogate-escaped. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Databases at and below a path, as far as the selection takes them. What cannot be read is passed over: the backup says so.
 * @param root surrogate-escaped, absolute
 */
export async function findDatabases(
  root: string,
  selection: Selection,
  { signal }: CallOptions,
): Promise<FoundDatabase[]> {
  const found: FoundDatabase[] = [];
  const top = look(root);
  if (top === undefined) return [];
  if (top.type === "file") return isDatabase(root) ? [{ path: root, sizeBytes: top.size }] : [];
  const folders = top.type === "dir" ? [root] : [];
  let lastTurnMs = performance.now();
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (performance.now() - lastTurnMs > TURN_MS) {
      await eventLoopTurn();
      lastTurnMs = performance.now();
    }
    signal.throwIfAborted();
    for (const { name, type } of takenIn(folder, selection)) {
      const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
      if (type === "folder") {
        if (!selection.oneFileSystem || look(path)?.deviceId === top.deviceId) folders.push(path);
      } else if (isDatabase(path)) {
        const sizeBytes = look(path)?.size ?? 0;
        if (!selection.excludesSize(sizeBytes)) found.push({ path, sizeBytes });
      }
    }
  }
  return found;
}

interface Taken {
  readonly name: string;
  readonly type: "folder" | "file";
}

/** Folders, and files that may be databases. */
function takenIn(folder: string, selection: Selection): Taken[] {
  let entries: ReadonlyMap<string, Taken["type"] | "other">;
  try {
    entries = entriesOf(folder);
  } catch {
    return [];
  }
  const taken: Taken[] = [];
  for (const name of selection.withoutTagged(folder, [...entries.keys()])) {
    const type = entries.get(name);
    const path = folder === "/" ? `/${name}` : `${folder}/${name}`;
    const isMeant =
      type === "folder" ||
      (type === "file" && (DATABASE_NAMES.test(name) || COMPANIONS.some((ending) => entries.has(name + ending))));
    if (!isMeant || selection.excludesPath(path)) continue;
    taken.push({ name, type });
  }
  return taken;
}

/** Names with their types, without looking at each entry where the system tells its type. */
function entriesOf(folder: string): Map<string, Taken["type"] | "other"> {
  const entries = readdirSync(fsPath(folder), { withFileTypes: true });
  // U+FFFD shows that a name may not be UTF-8: then only the bytes tell.
  if (entries.some(({ name }) => name.includes("\uFFFD"))) {
    return new Map(listFolder(folder).map((name) => [name, typeOf(look(`${folder}/${name}`)?.type)]));
  }
  return new Map(
    entries.map((entry) => [entry.name, entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other"]),
  );
}

function typeOf(type: string | undefined): Taken["type"] | "other" {
  return type === "dir" ? "folder" : type === "file" ? "file" : "other";
}

function look(path: string): ReturnType<typeof lstatNs> | undefined {
  try {
    return lstatNs(path);
  } catch {
    return undefined;
  }
}

function isDatabase(path: string): boolean {
  const header = Buffer.alloc(SQLITE_HEADER.length);
  try {
    const file = openSync(fsPath(path), "r");
    try {
      return (
        readSync(file, header, 0, header.length, 0) === header.length && header.toString("latin1") === SQLITE_HEADER
      );
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
