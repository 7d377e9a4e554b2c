/**
 * The entries of files: each path as the engine walks it by itself, except for the folders that lead to a database, which are given
 * one by one so that a copy can take the database's place.
 */
import { dirname, posix } from "node:path";
import { type GivenEntry, type Selection, listFolder, lstatNs } from "@holdfast/engine";
import { COMPANIONS } from "../sqlite/files.ts";
import type { FrozenPaths } from "./snapshots/frozen.ts";

/** A copy that stands for a database. */
export type CopyDatabase = (path: string, stored: string) => Promise<GivenEntry | undefined>;

export interface FileEntriesParts {
  /** Where paths begin in the snapshot. */
  readonly root: string;
  /** Absolute, surrogate-escaped; none lies in another. */
  readonly paths: readonly string[];
  /** Databases at and below them. */
  readonly databases: readonly string[];
  /** `undefined` when there is none: then it is read like any file. */
  readonly copy: CopyDatabase;
  readonly selection: Selection;
  readonly frozen: FrozenPaths;
}

export async function* fileEntries(parts: FileEntriesParts): AsyncGenerator<GivenEntry> {
  const above = new Set<string>();
  for (const path of parts.paths) {
    // With their own metadata, so that a restore on an empty machine makes them as they were.
    for (const folder of foldersAbove(path)) {
      if (above.has(folder)) continue;
      above.add(folder);
      yield { kind: "real-folder", path: parts.root + folder, from: folder };
    }
    yield* new PathEntries(parts, path).all();
  }
}

class PathEntries {
  readonly #parts: FileEntriesParts;
  readonly #path: string;
  readonly #databases: ReadonlySet<string>;
  /** Folders that lead to databases. */
  readonly #leading = new Set<string>();

  constructor(parts: FileEntriesParts, path: string) {
    this.#parts = parts;
    this.#path = path;
    const within = parts.databases.filter((each) => each === path || each.startsWith(path === "/" ? "/" : `${path}/`));
    this.#databases = new Set(within);
    for (const database of within) {
      for (let folder = dirname(database); folder.length >= path.length; folder = dirname(folder)) {
        this.#leading.add(folder);
        if (folder === "/") break;
      }
    }
  }

  async *all(): AsyncGenerator<GivenEntry> {
    const path = this.#path;
    if (this.#databases.has(path)) yield (await this.#copied(path)) ?? this.#real(path, { found: false });
    else if (path === "/" || this.#leading.has(path)) yield* this.#folder(path);
    else yield this.#real(path, { found: false });
  }

  async *#folder(folder: string): AsyncGenerator<GivenEntry> {
    const { root, selection, frozen } = this.#parts;
    if (folder !== "/") yield { kind: "real-folder", path: root + folder, from: frozen.where(folder) };
    const names = selection.withoutTagged(folder, listFolder(frozen.where(folder)));
    const copied = new Set<string>();
    for (const name of names) {
      const path = posix.join(folder, name);
      if (!this.#databases.has(path)) continue;
      const copy = await this.#copied(path);
      if (copy === undefined) continue;
      yield copy;
      // What lies beside it is part of the copy, and would be taken for that of another database.
      for (const each of [name, ...COMPANIONS.map((ending) => name + ending)]) copied.add(each);
    }
    for (const name of names) {
      const path = posix.join(folder, name);
      if (copied.has(name)) continue;
      if (this.#leading.has(path)) yield* this.#folder(path);
      else if (this.#isForeign(path)) yield { kind: "real-folder", path: root + path, from: path };
      else yield this.#real(path, { found: true });
    }
  }

  /** A mount point, where mounts are not to be followed. */
  #isForeign(path: string): boolean {
    const { selection } = this.#parts;
    if (!selection.oneFileSystem || selection.excludesPath(path)) return false;
    try {
      const { type, deviceId } = lstatNs(path);
      return type === "dir" && deviceId !== lstatNs(this.#path).deviceId;
    } catch {
      return false;
    }
  }

  #copied(path: string): Promise<GivenEntry | undefined> {
    return this.#parts.copy(path, this.#parts.root + path);
  }

  #real(path: string, { found }: { found: boolean }): GivenEntry {
    return { kind: "real", path: this.#parts.root + path, from: this.#parts.frozen.where(path), found };
  }
}

function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== "/"; folder = dirname(folder)) folders.unshift(folder);
  return folders;
}
