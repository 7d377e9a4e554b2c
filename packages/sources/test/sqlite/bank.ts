/** A bank in a SQLite database, and a process that moves money between its accounts; the sum never changes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

/** What all accounts hold together. */
export const SUM = 100 * 1000;

/** @param fillers rows of 200 characters, for size */
export function makeBank(path: string, journal: "wal" | "delete", fillers = 20_000): void {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA journal_mode = ${journal};
    CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
    CREATE TABLE transfer (id INTEGER PRIMARY KEY, source INTEGER REFERENCES account, target INTEGER REFERENCES account, amount INTEGER);
    CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT);`);
  for (let id = 0; id < 100; id++) database.exec(`INSERT INTO account VALUES (${id}, 1000)`);
  database.exec(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${fillers}) INSERT INTO filler SELECT i, hex(randomblob(100)) FROM n`,
  );
  database.close();
}

export async function startWriter(path: string): Promise<ChildProcess> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, "writer.ts"), path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(writer.stdout, "data");
  return writer;
}

export async function end(process: ChildProcess): Promise<void> {
  process.kill("SIGKILL");
  await once(process, "close");
}

export function ask(path: string, sql: string): unknown {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return Object.values(database.prepare(sql).get() ?? {})[0];
  } finally {
    database.close();
  }
}
