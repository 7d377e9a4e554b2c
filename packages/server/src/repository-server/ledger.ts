/**
 * What the server itself knows of files: who stored each, when, how much a client uses, what is in the trash, and plans for removals. SQLite, in the
 * server's own folder; several processes may use it at once, so that commands work while the server runs.
 *
 * Losing it loses no file: what was in the trash is seen again, and locks, ages and quotas of earlier files fall back to what
 * the place of the repositories tells.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { messageOf, systemCode } from "@holdfast/base";
import type { FileKey, FileType } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { PlanRecords } from "./plan-records.ts";

/** A file in one of the repositories. */
export interface LedgerKey extends FileKey {
  readonly repository: string;
}

export interface StoredRow {
  readonly client: string;
  readonly receivedMs: number;
}

/** A removed file that can still come back. */
export interface TrashRow extends LedgerKey {
  readonly sizeBytes: number;
  readonly removedMs: number;
  readonly removedBy: string;
  /** From when on it may be destroyed. */
  readonly purgeMs: number;
  /** Its bytes, where the file itself had to go: only for `config`, whose name is always the same. */
  readonly content: Uint8Array | undefined;
}

export interface UsageRow {
  readonly client: string;
  readonly bytes: number;
}

const FILE_NAME = "ledger.sqlite";

const SCHEMA = `
  PRAGMA busy_timeout = 10000;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS files (
    repository TEXT, type TEXT, name TEXT, client TEXT NOT NULL, size INTEGER NOT NULL, received INTEGER NOT NULL,
    pending INTEGER NOT NULL, PRIMARY KEY (repository, type, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS usage (client TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS trash (
    repository TEXT, type TEXT, name TEXT, size INTEGER NOT NULL, removed INTEGER NOT NULL, removed_by TEXT NOT NULL,
    purge INTEGER NOT NULL, purging INTEGER NOT NULL, content BLOB, PRIMARY KEY (repository, type, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), seen INTEGER NOT NULL) STRICT;
`;

const FILE = "repository = ? AND type = ? AND name = ?";

/** Every statement; each is compiled once. */
const STATEMENTS = {
  insert: "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING",
  confirm: `UPDATE files SET pending = 0, received = ? WHERE ${FILE}`,
  file: `SELECT client, size, received, pending FROM files WHERE ${FILE}`,
  forget: `DELETE FROM files WHERE ${FILE}`,
  pending: "SELECT repository, type, name FROM files WHERE pending = 1",
  locks: "SELECT count(*) AS count FROM files WHERE repository = ? AND type = 'lock' AND client = ?",
  usage: "SELECT bytes FROM usage WHERE client = ?",
  allUsage: "SELECT client, bytes FROM usage ORDER BY client",
  addUsage: "INSERT INTO usage VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = max(0, bytes + excluded.bytes)",
  trash:
    "INSERT INTO trash VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO UPDATE SET purge = max(purge, excluded.purge)",
  hidden: `SELECT purging FROM trash WHERE content IS NULL AND ${FILE}`,
  hiddenNames: "SELECT name FROM trash WHERE content IS NULL AND repository = ? AND type = ?",
  untrash: `DELETE FROM trash WHERE purging = 0 AND ${FILE}`,
  removeTrash: `DELETE FROM trash WHERE ${FILE}`,
  startPurge: `UPDATE trash SET purging = 1 WHERE ${FILE}`,
  allTrash: "SELECT * FROM trash WHERE purging = 0 ORDER BY repository, removed, type, name",
  due: "SELECT * FROM trash WHERE purging = 1 OR purge <= ? ORDER BY purge LIMIT 1000",
  trashTotals: "SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM trash",
  clock: "SELECT seen FROM clock",
  setClock: "INSERT INTO clock VALUES (1, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen",
} as const;

type Statements = { readonly [Name in keyof typeof STATEMENTS]: StatementSync };

export class Ledger {
  /** Plans for removals. */
  readonly plans: PlanRecords;
  readonly #database: DatabaseSync;
  readonly #run: Statements;

  private constructor(database: DatabaseSync) {
    this.plans = new PlanRecords(database);
    this.#database = database;
    const compiled = Object.entries(STATEMENTS).map(([name, text]) => [name, database.prepare(text)] as const);
    this.#run = Object.fromEntries(compiled) as unknown as Statements;
  }

  /**
   * @param folder its parent must be there
   * @param mustExist for who has nothing to add: does not make the folder
   * @throws SERVER_STATE
   */
  static open(folder: string, { mustExist = false } = {}): Ledger {
    try {
      if (mustExist) statSync(join(folder, FILE_NAME));
      else mkdirSync(folder, { recursive: false, mode: 0o700 });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw unusable(folder, error);
    }
    try {
      const database = new DatabaseSync(join(folder, FILE_NAME));
      database.exec(SCHEMA);
      return new Ledger(database);
    } catch (error) {
      throw unusable(folder, error);
    }
  }

  close(): void {
    this.#database.close();
  }

  /**
   * Notes a file that is about to be stored, and counts it, so that uploads at once cannot exceed a quota together. Returns
   * false when it is noted already; then nothing is counted again.
   * @throws SERVER_QUOTA
   */
  reserve(key: LedgerKey, client: string, sizeBytes: number, quotaBytes: number | undefined, nowMs: number): boolean {
    return this.#transaction(() => {
      const { changes } = this.#run.insert.run(...columns(key), client, sizeBytes, nowMs);
      if (changes === 0) return false;
      // Locks have a limit of their own: who has no room left must still be able to read.
      if (key.type === "lock") return true;
      const used = quotaBytes === undefined ? 0 : this.usageOf(client);
      if (quotaBytes !== undefined && used + sizeBytes > quotaBytes) {
        throw serverError("SERVER_QUOTA", { quota: quotaBytes, used, length: sizeBytes });
      }
      this.#run.addUsage.run(client, sizeBytes);
      return true;
    });
  }

  /** The file that was reserved has become visible. */
  confirm(key: LedgerKey, nowMs: number): void {
    this.#run.confirm.run(nowMs, ...columns(key));
  }

  /** The file is not there, or not any more: it no longer counts. */
  forget(key: LedgerKey): void {
    this.#transaction(() => {
      const row = this.#run.file.get(...columns(key));
      if (row === undefined) return;
      this.#run.forget.run(...columns(key));
      if (key.type !== "lock") this.#run.addUsage.run(String(row["client"]), -Number(row["size"]));
    });
  }

  /** Who stored a file through this server, and when; `undefined` when it came otherwise. */
  stored(key: LedgerKey): StoredRow | undefined {
    const row = this.#run.file.get(...columns(key));
    if (row === undefined || row["pending"] !== 0) return undefined;
    return { client: String(row["client"]), receivedMs: Number(row["received"]) };
  }

  /** Files that were on their way when a server ended. */
  pendingFiles(): LedgerKey[] {
    return this.#run.pending.all().map(keyOf);
  }

  /** How many locks a client has in a repository. */
  countLocks(repository: string, client: string): number {
    return Number(this.#run.locks.get(repository, client)?.["count"] ?? 0);
  }

  usageOf(client: string): number {
    return Number(this.#run.usage.get(client)?.["bytes"] ?? 0);
  }

  allUsage(): UsageRow[] {
    return this.#run.allUsage.all().map((row) => ({ client: String(row["client"]), bytes: Number(row["bytes"]) }));
  }

  /** Hides a file; with `content`, keeps that instead of hiding. */
  trash(row: TrashRow): void {
    const { sizeBytes, removedMs, removedBy, purgeMs, content } = row;
    this.#run.trash.run(...columns(row), sizeBytes, removedMs, removedBy, purgeMs, content ?? null);
  }

  /** Whether a file is hidden since it was removed, and whether its bytes are being destroyed just now. */
  hidden(key: LedgerKey): "no" | "yes" | "purging" {
    const row = this.#run.hidden.get(...columns(key));
    if (row === undefined) return "no";
    return row["purging"] === 0 ? "yes" : "purging";
  }

  /** The names of all hidden files of one type. */
  hiddenNames(repository: string, type: FileType): ReadonlySet<string> {
    return new Set(this.#run.hiddenNames.all(repository, type).map((row) => String(row["name"])));
  }

  /** Shows a hidden file again. Returns false when it was not hidden, or is being destroyed. */
  untrash(key: LedgerKey): boolean {
    return this.#run.untrash.run(...columns(key)).changes > 0;
  }

  /** From now on the file cannot come back. Returns false when it is not in the trash any more. */
  startPurge(key: LedgerKey): boolean {
    return this.#run.startPurge.run(...columns(key)).changes > 0;
  }

  /** The bytes are gone. */
  endPurge(key: LedgerKey): void {
    this.#run.removeTrash.run(...columns(key));
    // Of a config that was kept here, another one may be in its place.
    if (key.type !== "config") this.forget(key);
  }

  /** Everything that can come back, oldest removal first in each repository. */
  allTrash(): TrashRow[] {
    return this.#run.allTrash.all().map(trashOf);
  }

  /** Some of what is to be destroyed by now. */
  dueTrash(nowMs: number): TrashRow[] {
    return this.#run.due.all(nowMs).map(trashOf);
  }

  trashTotals(): { readonly files: number; readonly bytes: number } {
    const row = this.#run.trashTotals.get();
    return { files: Number(row?.["files"] ?? 0), bytes: Number(row?.["bytes"] ?? 0) };
  }

  /** The latest time at which a server that had no doubt was running. */
  lastSeenMs(): number | undefined {
    const row = this.#run.clock.get();
    return row === undefined ? undefined : Number(row["seen"]);
  }

  noteSeen(nowMs: number): void {
    this.#run.setClock.run(nowMs);
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

type Row = Readonly<Record<string, unknown>>;

function columns({ repository, type, name }: LedgerKey): [string, string, string] {
  return [repository, type, name];
}

function keyOf(row: Row): LedgerKey {
  return { repository: String(row["repository"]), type: String(row["type"]) as FileType, name: String(row["name"]) };
}

function trashOf(row: Row): TrashRow {
  const content = row["content"];
  return {
    ...keyOf(row),
    sizeBytes: Number(row["size"]),
    removedMs: Number(row["removed"]),
    removedBy: String(row["removed_by"]),
    purgeMs: Number(row["purge"]),
    content: content instanceof Uint8Array ? content : undefined,
  };
}

function unusable(path: string, error: unknown): Error {
  return serverError("SERVER_STATE", { path, reason: messageOf(error) }, error);
}
