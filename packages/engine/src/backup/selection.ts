/** Which entries of a folder a backup takes: patterns, tag files, size and file system. One instance per thread. */
import { closeSync, openSync, readSync } from "node:fs";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { RawStat } from "../filesystem/read-metadata.ts";
import { PatternSet } from "../patterns/pattern-set.ts";

/** A folder as the system knows it, under whatever path it is met. */
type FolderIdentity = Pick<RawStat, "deviceId" | "inode">;

/** Plain data, so that it can be handed to workers. */
export interface SelectionRules {
  readonly excludes: readonly { readonly lines: readonly string[]; readonly ignoreCase: boolean }[];
  /** Contents of a folder that holds such a file are left out, the file itself is kept. */
  readonly ifPresent: readonly { readonly name: string; readonly header?: string }[];
  /** Regular files larger than this are left out. */
  readonly largerThanBytes: number | undefined;
  /** Do not leave the file system of a target; mount points are kept as empty folders. */
  readonly oneFileSystem: boolean;
  /** The folder of the repository, which is left out, also as a target. */
  readonly repository?: FolderIdentity | undefined;
}

export const NO_RULES: SelectionRules = {
  excludes: [],
  ifPresent: [],
  largerThanBytes: undefined,
  oneFileSystem: false,
};

export class Selection {
  readonly #rules: SelectionRules;
  readonly #patterns: PatternSet[];

  /** @throws ENGINE_PATTERN_INVALID */
  constructor(rules: SelectionRules) {
    this.#rules = rules;
    this.#patterns = rules.excludes.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase }));
  }

  get oneFileSystem(): boolean {
    return this.#rules.oneFileSystem;
  }

  /** True when a pattern excludes this absolute path. */
  excludesPath(path: string): boolean {
    return this.#patterns.some((set) => set.matches(path));
  }

  excludesSize(bytes: number): boolean {
    return this.#rules.largerThanBytes !== undefined && bytes > this.#rules.largerThanBytes;
  }

  /** True for the folder of the repository: each backup would store what the last one has written. */
  isRepository({ type, deviceId, inode }: Pick<RawStat, "type" | keyof FolderIdentity>): boolean {
    const { repository } = this.#rules;
    return type === "dir" && deviceId === repository?.deviceId && inode === repository.inode;
  }

  /** The entries of a folder that remain when it holds a tag file: only that file. All of them otherwise. */
  withoutTagged(dir: string, names: string[]): string[] {
    for (const { name, header } of this.#rules.ifPresent) {
      if (names.includes(name) && (header === undefined || startsWith(`${dir}/${name}`, header))) return [name];
    }
    return names;
  }
}

function startsWith(path: string, header: string): boolean {
  const wanted = Buffer.from(header, "utf8");
  const found = Buffer.alloc(wanted.length);
  let file: number;
  try {
    file = openSync(fsPath(path), "r");
  } catch {
    // A tag that cannot be read excludes nothing: better one folder too many in the backup than one too few.
    return false;
  }
  try {
    return readSync(file, found, 0, found.length, 0) === wanted.length && found.equals(wanted);
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}
