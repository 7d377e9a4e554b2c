/** The thread that speaks to SQLite: one task, one answer. */
import { DatabaseSync, backup } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Answer } from "../proofs/queries.ts";
import type { SqliteAnswer, SqliteTask } from "./tasks.ts";

/** So long a writer may keep us from beginning. */
const BUSY_MS = 60_000;
const PAGES_AT_ONCE = 4096;
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED: ReadonlySet<number> = new Set([11, 26]);
/** So many things that are wrong are told. */
const MAX_PROBLEMS = 20;

async function copy({ from, to }: Extract<SqliteTask, { kind: "copy" }>): Promise<SqliteAnswer> {
  const database = open(from);
  try {
    // A transaction that reads holds on to one moment; otherwise each write of another process would make the copy begin anew.
    database.exec("BEGIN");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    const atMs = Date.now();
    const journal = String(first(database, "PRAGMA journal_mode") ?? "");
    const pageBytes = Number(first(database, "PRAGMA page_size"));
    const pages = await backup(database, to, { rate: PAGES_AT_ONCE });
    return { kind: "copied", pages, pageBytes, journal, atMs };
  } finally {
    database.close();
  }
}

function check({ path, how }: Extract<SqliteTask, { kind: "check" }>): SqliteAnswer {
  const database = open(path);
  try {
    const pragma = how === "full" ? "integrity_check" : "quick_check";
    const rows = database.prepare(`PRAGMA ${pragma}(${MAX_PROBLEMS})`).all();
    const problems = rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== "ok");
    const keys = database.prepare("PRAGMA foreign_key_check").all().slice(0, MAX_PROBLEMS);
    const lost = keys.map(
      (row) => `a row of ${String(row["table"])} refers to one of ${String(row["parent"])} that is not there`,
    );
    return { kind: "checked", problems: [...problems, ...lost] };
  } catch (error) {
    // So damaged that it cannot even be examined.
    const answer = failure(error);
    if (answer.kind === "failed" && DAMAGED.has((answer.code ?? 0) & 0xff))
      return { kind: "checked", problems: [answer.message] };
    throw error;
  } finally {
    database.close();
  }
}

function query({ path, sql }: Extract<SqliteTask, { kind: "query" }>): SqliteAnswer {
  const database = open(path);
  try {
    return { kind: "answered", answer: first(database, sql) };
  } finally {
    database.close();
  }
}

function open(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS, readBigInts: true });
}

/** The first column of the first row. */
function first(database: DatabaseSync, sql: string): Answer {
  const row = database.prepare(sql).get();
  const value = row === undefined ? undefined : Object.values(row)[0];
  return value instanceof Uint8Array ? `${value.length} bytes` : value;
}

function failure(error: unknown): SqliteAnswer {
  const { errcode } = error as { errcode?: number };
  return { kind: "failed", code: errcode, message: error instanceof Error ? error.message : String(error) };
}

async function run(task: SqliteTask): Promise<SqliteAnswer> {
  try {
    if (task.kind === "copy") return await copy(task);
    return task.kind === "check" ? check(task) : query(task);
  } catch (error) {
    return failure(error);
  }
}

parentPort?.postMessage(await run(workerData as SqliteTask), []);
