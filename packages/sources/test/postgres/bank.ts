/** Databases with what dumps must not forget, and writers whose invariants show whether a copy is of one moment. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresServer } from "../../src/testing/index.ts";

/** Of all accounts, always. */
export const SUM = 100 * 1000;
export const PASSWORD = "se:cr\\et 'pass\"word";

/** Role `owner`, role `dumper` with the rights that the guide names, and the databases `shop` and `odd name`. */
export function makeBank(server: PostgresServer, { documents = 1600 } = {}): void {
  const quoted = `'${PASSWORD.replaceAll("'", "''")}'`;
  server.sql(
    "postgres",
    `CREATE ROLE staff; CREATE ROLE owner LOGIN PASSWORD ${quoted}; GRANT staff TO owner;
     CREATE ROLE dumper LOGIN PASSWORD ${quoted}; GRANT pg_read_all_data TO dumper;
     ALTER ROLE owner SET work_mem = '8MB'; COMMENT ON ROLE owner IS 'of; the ''shop''';
     CREATE DATABASE shop OWNER owner; CREATE DATABASE "odd name/1" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
     ALTER DATABASE shop SET search_path = bank, public; ALTER ROLE owner IN DATABASE shop SET lock_timeout = '1h';
     COMMENT ON DATABASE shop IS 'the shop; of all';`,
  );
  server.sql(
    "shop",
    `SET ROLE owner; CREATE SCHEMA bank;
     CREATE TABLE bank.account (id int PRIMARY KEY, balance bigint NOT NULL);
     INSERT INTO bank.account SELECT g, 1000 FROM generate_series(1, 100) g;
     CREATE TABLE bank.transfer (id serial PRIMARY KEY, source int REFERENCES bank.account, target int REFERENCES bank.account, amount int);
     CREATE TABLE bank.audit (account int, at timestamptz DEFAULT now());
     CREATE FUNCTION bank.note() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO bank.audit (account) VALUES (NEW.id); RETURN NEW; END $$;
     CREATE TRIGGER note AFTER UPDATE ON bank.account FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION bank.note();
     CREATE SEQUENCE bank.number START 4711;
     SELECT nextval('bank.number');
     CREATE TABLE bank.filler AS SELECT g AS id, md5(g::text) || md5((g + 1)::text) AS text FROM generate_series(1, 2000) g;
     CREATE INDEX ON bank.filler (text);
     CREATE TABLE bank.document (id int PRIMARY KEY, text text);
     ALTER TABLE bank.document ALTER text SET STORAGE EXTERNAL;
     INSERT INTO bank.document SELECT g, string_agg(md5((g * 1000 + k)::text), '')
       FROM generate_series(1, ${documents}) g, generate_series(1, 320) k GROUP BY g;
     GRANT SELECT ON bank.filler TO staff;
     CREATE MATERIALIZED VIEW bank.rich AS SELECT count(*) AS accounts FROM bank.account;
     SELECT lo_from_bytea(4242, decode('00ff00ff', 'hex')); GRANT SELECT ON LARGE OBJECT 4242 TO dumper;`,
  );
  server.sql("odd name/1", `CREATE TABLE "Straße" ("Käse" text); INSERT INTO "Straße" VALUES (E'\\\\x \\n'), ('ü');`);
}

/** Moves money between accounts, by two clients at once; none of it gets lost. */
export async function startWriter(server: PostgresServer): Promise<ChildProcess> {
  const script = join(server.folder, "transfer.sql");
  writeFileSync(
    script,
    String.raw`\set s random(1, 50)
\set t random(51, 100)
\set a random(1, 20)
BEGIN;
UPDATE bank.account SET balance = balance - :a WHERE id = :s;
UPDATE bank.account SET balance = balance + :a WHERE id = :t;
INSERT INTO bank.transfer (source, target, amount) VALUES (:s, :t, :a);
COMMIT;
`,
  );
  const log = openSync(join(server.folder, "pgbench.log"), "a");
  const args = ["--no-vacuum", "--client=2", "--rate=400", "--time=300", `--file=${script}`, "shop"];
  const writer = spawn(join(server.binaries, "pgbench"), args, {
    stdio: ["ignore", log, log],
    env: { ...process.env, ...server.variables },
  });
  closeSync(log);
  for (let n = 0; n < 200; n++) {
    if (server.sql("shop", "SELECT count(*) > 10 FROM bank.transfer") === "t") return writer;
    await sleep(30);
  }
  throw new Error("the writer does not write");
}

export async function endProcess(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  process.kill("SIGKILL");
  await once(process, "close");
}

/** Sessions of ours, once those that are just ending have ended. */
export async function ownSessions(server: PostgresServer): Promise<number> {
  const sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('holdfast', 'pg_dump', 'pg_restore')";
  for (let n = 0; ; n++) {
    const sessions = Number(server.sql("postgres", sql));
    if (sessions === 0 || n === 60) return sessions;
    await sleep(50);
  }
}
