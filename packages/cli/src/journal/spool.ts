/** The folder in which the files of a journal wait until they are stored. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/base";
import type { JournalFile, JournalFormat, JournalSource } from "@holdfast/sources";
import { LOCK_FILE } from "./spool-lock.ts";

/** More at once would make one snapshot wait for too much. */
const MOST_AT_ONCE = 32;

/** What a repository has of a file. */
interface Stored {
  readonly isPartial: boolean;
  readonly usedBytes: number;
}

export interface SpoolParts {
  readonly folder: string;
  readonly format: JournalFormat;
  readonly source: JournalSource;
  /** How many repositories there are; the first one counts. */
  readonly repositories: number;
  /** So many finished files are kept for repositories other than the first. */
  readonly patience: number;
}

export class Spool {
  readonly #parts: SpoolParts;
  readonly #stored: readonly Map<string, Stored>[];

  constructor(parts: SpoolParts) {
    this.#parts = parts;
    this.#stored = Array.from({ length: parts.repositories }, () => new Map<string, Stored>());
  }

  /** What lies there, in the order of names. What is no file of the journal, or not yet, is passed over. */
  async files(options: { signal: AbortSignal }): Promise<JournalFile[]> {
    const { folder, format } = this.#parts;
    const names = (await readdir(folder)).filter((name) => name !== LOCK_FILE).sort();
    const files: JournalFile[] = [];
    for (const name of names) {
      try {
        files.push(await format.examine(join(folder, name), options));
      } catch (error) {
        if (!isHoldfastError(error, "SOURCES_NOT_JOURNAL")) throw error;
      }
    }
    return files.filter(({ usedBytes }) => usedBytes > 0);
  }

  /** Those that a repository does not have, oldest first. @param repository its number */
  missing(files: readonly JournalFile[], repository: number): JournalFile[] {
    const stored = this.#stored[repository];
    const missing = files.filter((file) => {
      const known = stored?.get(file.name);
      if (known === undefined) return true;
      return known.isPartial && (!file.isPartial || file.usedBytes > known.usedBytes);
    });
    return missing.slice(0, MOST_AT_ONCE);
  }

  /** A repository has these now. */
  noteStored(files: readonly JournalFile[], repository: number): void {
    for (const { name, isPartial, usedBytes } of files) this.#stored[repository]?.set(name, { isPartial, usedBytes });
  }

  /**
   * Removes finished files that all repositories have; when too many wait for the others, also those that only the first has.
   * @returns how many of these were removed
   */
  async tidy(files: readonly JournalFile[]): Promise<number> {
    const finished = files.filter(({ isPartial, name }) => !isPartial && this.#has(0, name));
    const kept = new Set(this.#parts.source.keptInSpool(finished.map(({ name }) => name)));
    const removable = finished.filter(({ name }) => !kept.has(name));
    const waiting = removable.filter(({ name }) => this.#stored.some((_, repository) => !this.#has(repository, name)));
    const givenUp = waiting.slice(0, Math.max(0, waiting.length - this.#parts.patience));
    const waits = new Set(waiting.filter((file) => !givenUp.includes(file)));
    for (const file of removable) {
      if (waits.has(file)) continue;
      await rm(file.path, { force: true });
      for (const stored of this.#stored) stored.delete(file.name);
    }
    return givenUp.length;
  }

  /**
   * Removes all of it once the first repository has it, so that the server is asked for what it still has.
   * @returns whether it did
   */
  async clear(files: readonly JournalFile[]): Promise<boolean> {
    if (this.missing(files, 0).length > 0) return false;
    for (const { path } of files) await rm(path, { force: true });
    const { folder } = this.#parts;
    for (const name of await readdir(folder)) {
      // Made ahead, and never filled.
      if (name !== LOCK_FILE && (await stat(join(folder, name))).size === 0)
        await rm(join(folder, name), { force: true });
    }
    for (const stored of this.#stored) stored.clear();
    return true;
  }

  #has(repository: number, name: string): boolean {
    const stored = this.#stored[repository]?.get(name);
    return stored !== undefined && !stored.isPartial;
  }
}
