/**
 * A repository with a history: a tree of small files of which some change from snapshot to snapshot. Made once by Holdfast; as
 * the format is one, every program can then work on it, or on a copy.
 */
import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How large the history is. With these numbers the tree has about 120 MiB, and the repository about 300 MiB. */
export const HISTORY = {
  snapshots: 100,
  files: 20_000,
  /** Files that change from one snapshot to the next, and folders that they lie in. */
  changes: 300,
  changedFolders: 60,
} as const;

const FILES_PER_FOLDER = 20;
const FOLDERS_PER_FOLDER = 10;
const ENDINGS = [".txt", ".jpg", ".ts", ".json", ".md", ".log", "", ".tar.gz"] as const;
/** Sizes are even from nothing up to this. */
const MAX_FILE_BYTES = 12 * 1024;

interface Folder {
  readonly path: string;
  readonly files: string[];
}

export class HistoryTree {
  readonly path: string;
  readonly #folders: Folder[] = [];
  #made = 0;

  /** @param path where the tree is made; must not exist yet */
  constructor(path: string, files: number = HISTORY.files) {
    this.path = path;
    for (let n = 0; n < files / FILES_PER_FOLDER; n++) {
      const folder = { path: join(path, ...placeOf(n)), files: [] };
      mkdirSync(folder.path, { recursive: true });
      for (let file = 0; file < FILES_PER_FOLDER; file++) this.#add(folder);
      this.#folders.push(folder);
    }
  }

  /** Writes some files anew; in each of these folders, one is replaced by a file of another name. */
  change(): void {
    for (let n = 0; n < HISTORY.changedFolders; n++) {
      const folder = this.#folders[randomInt(this.#folders.length)] as Folder;
      const [oldest = ""] = folder.files.splice(0, 1);
      rmSync(join(folder.path, oldest));
      this.#add(folder);
      for (let file = 1; file < HISTORY.changes / HISTORY.changedFolders; file++) {
        write(join(folder.path, folder.files[randomInt(folder.files.length)] as string));
      }
    }
  }

  #add({ path, files }: Folder): void {
    const n = this.#made++;
    const name = `document ${n}${ENDINGS[n % ENDINGS.length]}`;
    write(join(path, name));
    files.push(name);
  }
}

/** Ten folders in each, so that the way to a file is three folders long. */
function placeOf(n: number): string[] {
  const digits = String(n).padStart(3, "0");
  const depth = Math.ceil(Math.log(HISTORY.files / FILES_PER_FOLDER) / Math.log(FOLDERS_PER_FOLDER));
  return Array.from({ length: depth }, (_, level) => `folder ${digits.slice(0, level + 1)}`);
}

/** Half of the content compresses, as much as office documents do. */
function write(path: string): void {
  const bytes = randomBytes(randomInt(MAX_FILE_BYTES / 2));
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(bytes.length, "the same again ")]));
}
