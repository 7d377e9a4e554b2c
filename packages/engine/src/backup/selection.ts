/** Which entries of a folder a backup takes: patterns, tag files, size and file system. One instance per thread. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fsPath } from "../filesystem/path-bytes.ts";
import type { RawStat } from "../filesystem/read-metadata.ts";
import { PatternSet } from "../patterns/pattern-set.ts";

/** A folder as the system knows it, under whatever path it is met. */
type FolderIdentity = Pick<RawStat, "deviceId" | "inode">;

/** A folder that is read in place of another. Paths have no slash at their end. */
export interface FolderAlias {
  readonly is: string;
  /** Patterns see this path. */
  readonly seenAs: string;
  /** The file system's number, and the one that is stored: that of the live one, so that nothing seems to have moved. */
  readonly deviceIs: bigint;
  readonly deviceSeenAs: bigint;
}

/** Plain data, so that it can be handed to workers. */
export interface SelectionRules {
  readonly excludes: readonly { readonly lines: readonly string[]; readonly ignoreCase: boolean }[];
  /** Contents of a folder that holds such a file are left out, the file itself is kept. */
  readonly ifPresent: readonly { readonly name: string; readonly header?: string }[];
  /** Regular files larger than this are left out. */
  readonly largerThanBytes: number | undefined;
  /** Do not leave the file system of a target; mount points are kept as empty folders. */
  readonly oneFileSystem: boolean;
  /** Folders that are read in place of others, as snapshots of a file system are. */
  readonly aliases?: readonly FolderAlias[];
  /** The folder of the repository, which is left out, also as a target. */
  readonly repository?: FolderIdentity | undefined;
}

export const NO_RULES: SelectionRules = {
  excludes: [],
  ifPresent: [],
  largerThanBytes: undefined,
  oneFileSystem: false,
};

/** The folder of a repository of this machine, for the rules; `undefined` for one elsewhere. @param location of its backend */
export function repositoryFolder(location: string): FolderIdentity | undefined {
  if (!isAbsolute(location)) return undefined;
  const { dev, ino } = statSync(fsPath(location), { bigint: true });
  return { deviceId: dev, inode: ino };
}

export class Selection {
  /** Some folders are read in place of others. */
  readonly hasAliases: boolean;
  readonly #rules: SelectionRules;
  readonly #patterns: PatternSet[];

  /** @throws ENGINE_PATTERN_INVALID */
  constructor(rules: SelectionRules) {
    this.#rules = rules;
    this.hasAliases = (rules.aliases ?? []).length > 0;
    this.#patterns = rules.excludes.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase }));
  }

  get oneFileSystem(): boolean {
    return this.#rules.oneFileSystem;
  }

  /** True when a pattern excludes this absolute path. */
  excludesPath(path: string): boolean {
    const seen = this.#seen(path);
    return this.#patterns.some((set) => set.matches(seen));
  }

  #seen(path: string): string {
    const alias = this.#rules.aliases?.find(({ is }) => path === is || path.startsWith(`${is}/`));
    return alias === undefined ? path : `${alias.seenAs}${path.slice(alias.is.length)}`;
  }

  /** The number of the file system that is stored for an entry. */
  device(deviceId: bigint): bigint {
    return this.#rules.aliases?.find(({ deviceIs }) => deviceIs === deviceId)?.deviceSeenAs ?? deviceId;
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
