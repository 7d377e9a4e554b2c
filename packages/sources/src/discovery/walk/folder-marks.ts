/** What the names in a folder tell of it. Pure: nothing is read. */
import type { MarkKind } from "./messages.ts";

/** Names that say something together with others; each is a bit. */
const NAMES = [
  "PG_VERSION",
  "global",
  "base",
  "ibdata1",
  "aria_log_control",
  "dump.rdb",
  "appendonlydir",
  "appendonly.aof",
  "member",
  "WiredTiger",
  "data.mdb",
  "cn=config",
  ".git",
  "HEAD",
  "objects",
  "refs",
  "cur",
  "new",
  "tmp",
  "config",
  "keys",
  "snapshots",
  "index",
  "data",
  "mysql",
] as const;

type Name = (typeof NAMES)[number];
const BITS: ReadonlyMap<string, number> = new Map(NAMES.map((name, at) => [name, 2 ** at]));

/** The names that were met in one folder. */
export class FolderNames {
  #bits = 0;

  /** Takes note of one name. */
  add(name: string): void {
    const bit = BITS.get(name);
    if (bit !== undefined) this.#bits |= bit;
  }

  /** True when all of these names are there. */
  has(...names: readonly Name[]): boolean {
    return names.every((name) => (this.#bits & (BITS.get(name) as number)) !== 0);
  }

  get isEmpty(): boolean {
    return this.#bits === 0;
  }
}

export interface FolderMark {
  readonly what: MarkKind;
  readonly detail: string;
  /** What is in it belongs to it, and is not searched; its size is counted. */
  readonly isWhole: boolean;
}

/** What a folder with these names is; several things at once where two rules fit. */
export function marksOfFolder(names: FolderNames): FolderMark[] {
  if (names.isEmpty) return [];
  const found: FolderMark[] = [];
  const mark = (what: MarkKind, detail = "", isWhole = false): void => void found.push({ what, detail, isWhole });
  if (names.has("PG_VERSION", "global", "base")) mark("postgres-data", "", true);
  if (names.has("ibdata1") || names.has("aria_log_control", "mysql")) mark("mysql-data", "", true);
  if (names.has("dump.rdb")) mark("redis-data", "dump.rdb");
  else if (names.has("appendonlydir") || names.has("appendonly.aof")) mark("redis-data", "append-only file");
  if (names.has("member")) mark("etcd-data");
  if (names.has("WiredTiger")) mark("mongodb-data", "", true);
  if (names.has("data.mdb")) mark("lmdb-data");
  if (names.has("cn=config")) mark("ldap-configuration");
  if (names.has("cur", "new", "tmp")) mark("maildir", "", true);
  if (names.has(".git")) mark("git", ".git");
  else if (names.has("HEAD", "objects", "refs")) mark("git", "bare", true);
  if (names.has("config", "keys", "snapshots", "index", "data")) mark("backup-repository", "restic", true);
  return found;
}
