/** A folder that changes a little before each backup, so that every run has packs, trees, an index and a snapshot to write. */
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

const FOLDERS = 8;
const FILES = 12;
/** More than the engine reads in one piece, so that several threads share the file. */
const LARGE_BYTES = 33 * 1024 * 1024;

export class ChangingCorpus {
  readonly folder: string;
  #round = 0;

  constructor(folder: string) {
    this.folder = folder;
    for (let n = 0; n < FOLDERS; n++) {
      mkdirSync(join(folder, `folder ${n}`), { recursive: true });
      for (let file = 0; file < FILES; file++) this.#write(n, file, 1 + 4000 * file * n);
    }
    writeFileSync(join(folder, "large"), randomBytes(LARGE_BYTES));
  }

  /** Writes about 3 MB of new content: some small files, a part of the large one, one folder that comes and goes. */
  change(): void {
    const round = ++this.#round;
    for (let n = 0; n < FOLDERS; n++) this.#write(n, round % FILES, 20_000 + 20_000 * n);
    const large = openSync(join(this.folder, "large"), "r+");
    writeSync(large, randomBytes(1024 * 1024), 0, 1024 * 1024, ((round * 7) % 32) * 1024 * 1024);
    closeSync(large);
    const guest = join(this.folder, "comes and goes");
    if (round % 2 === 0) return rmSync(guest, { recursive: true, force: true });
    mkdirSync(guest, { recursive: true });
    for (let file = 0; file < 30; file++) writeFileSync(join(guest, `file ${file}`), randomBytes(30_000));
  }

  #write(folder: number, file: number, bytes: number): void {
    writeFileSync(join(this.folder, `folder ${folder}`, `file ${file}`), randomBytes(bytes));
  }
}
