/** Plans for removals as the ledger keeps them. Documents are kept as they were hashed; whatever is decided is decided by them. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { PlanHeader } from "@holdfast/storage";

export interface PlanRow {
  readonly hash: string;
  readonly header: PlanHeader;
  readonly removed: number;
  readonly cancelledBy: string | undefined;
  readonly cancelledMs: number | undefined;
}

export interface ApprovalRow {
  /** The first name of the approver in the file of approvers. */
  readonly name: string;
  readonly atMs: number;
  /** Armored, as `ssh-keygen -Y sign` makes it: it is verified again whenever it counts. */
  readonly signature: string;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS plans (
    hash TEXT PRIMARY KEY, repository TEXT NOT NULL, header TEXT NOT NULL, expires INTEGER NOT NULL,
    files INTEGER NOT NULL, removed INTEGER NOT NULL, cancelled INTEGER, cancelled_by TEXT, document BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS plans_of_repository ON plans (repository, expires);
  CREATE TABLE IF NOT EXISTS plan_approvals (
    hash TEXT, name TEXT, at INTEGER NOT NULL, signature TEXT NOT NULL, PRIMARY KEY (hash, name)
  ) STRICT, WITHOUT ROWID;
`;

const OPEN = "cancelled IS NULL AND removed < files AND expires > ?";
const COLUMNS = "hash, header, removed, cancelled, cancelled_by";

const STATEMENTS = {
  insert: "INSERT INTO plans VALUES (?, ?, ?, ?, ?, 0, NULL, NULL, ?)",
  one: `SELECT ${COLUMNS} FROM plans WHERE repository = ? AND hash = ?`,
  all: `SELECT ${COLUMNS} FROM plans WHERE repository = ? ORDER BY expires DESC, hash LIMIT 200`,
  open: `SELECT ${COLUMNS} FROM plans WHERE repository = ? AND ${OPEN} ORDER BY expires, hash`,
  countOpen: `SELECT count(*) AS count FROM plans WHERE ${OPEN}`,
  document: "SELECT document FROM plans WHERE hash = ?",
  approve: "INSERT INTO plan_approvals VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  approvals: "SELECT name, at, signature FROM plan_approvals WHERE hash = ? ORDER BY at, name",
  cancel: "UPDATE plans SET cancelled = ?, cancelled_by = ? WHERE hash = ? AND cancelled IS NULL",
  removed: "UPDATE plans SET removed = removed + 1 WHERE hash = ?",
  dropApprovals: "DELETE FROM plan_approvals WHERE hash IN (SELECT hash FROM plans WHERE expires < ?)",
  drop: "DELETE FROM plans WHERE expires < ?",
} as const;

type Statements = { readonly [Name in keyof typeof STATEMENTS]: StatementSync };

export class PlanRecords {
  readonly #run: Statements;

  /** Makes its tables where they are not there yet. */
  constructor(database: DatabaseSync) {
    database.exec(SCHEMA);
    const compiled = Object.entries(STATEMENTS).map(([name, text]) => [name, database.prepare(text)] as const);
    this.#run = Object.fromEntries(compiled) as unknown as Statements;
  }

  add(hash: string, header: PlanHeader, document: Uint8Array): void {
    const { repository, expiresMs, files } = header;
    this.#run.insert.run(hash, repository, JSON.stringify(header), expiresMs, files, document);
  }

  find(repository: string, hash: string): PlanRow | undefined {
    const row = this.#run.one.get(repository, hash);
    return row === undefined ? undefined : planRow(row);
  }

  /** The latest plans of a repository, whatever became of them. */
  all(repository: string): PlanRow[] {
    return this.#run.all.all(repository).map(planRow);
  }

  /** Plans that are neither over nor carried out. */
  open(repository: string, nowMs: number): PlanRow[] {
    return this.#run.open.all(repository, nowMs).map(planRow);
  }

  /** How many there are in all repositories. */
  countOpen(nowMs: number): number {
    return Number(this.#run.countOpen.get(nowMs)?.["count"] ?? 0);
  }

  document(hash: string): Uint8Array | undefined {
    const document = this.#run.document.get(hash)?.["document"];
    return document instanceof Uint8Array ? document : undefined;
  }

  /** Returns false when that approver had approved before. */
  approve(hash: string, { name, atMs, signature }: ApprovalRow): boolean {
    return this.#run.approve.run(hash, name, atMs, signature).changes > 0;
  }

  approvals(hash: string): ApprovalRow[] {
    return this.#run.approvals.all(hash).map((row) => ({
      name: String(row["name"]),
      atMs: Number(row["at"]),
      signature: String(row["signature"]),
    }));
  }

  cancel(hash: string, by: string, nowMs: number): void {
    this.#run.cancel.run(nowMs, by, hash);
  }

  /** One more file of the plan is gone. */
  noteRemoval(hash: string): void {
    this.#run.removed.run(hash);
  }

  /** Drops plans that ended before a time, with their signatures: who needs them for longer has the log. */
  dropEndedBefore(ms: number): void {
    this.#run.dropApprovals.run(ms);
    this.#run.drop.run(ms);
  }
}

function planRow(row: Readonly<Record<string, unknown>>): PlanRow {
  const { cancelled, cancelled_by: by } = row;
  return {
    hash: String(row["hash"]),
    header: JSON.parse(String(row["header"])) as PlanHeader,
    removed: Number(row["removed"]),
    cancelledMs: cancelled === null ? undefined : Number(cancelled),
    cancelledBy: typeof by === "string" ? by : undefined,
  };
}
