/** Takes the binary log from a server as it is written, as a replica would. */
import { randomInt } from "node:crypto";
import { chown, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { JournalFollowing } from "../../contract/journal.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../server/connection.ts";
import { explainFailure } from "../server/explain-failure.ts";
import { toolFor } from "../server/flavour.ts";
import { requireRights } from "../server/rights.ts";
import { serverFacts } from "../server/server-facts.ts";
import { parseBinlogName } from "./binlog-names.ts";

/** Ids that nobody gives to a server by hand: a replica that comes with the id of another takes its place. */
const FIRST_ID = 3_000_000_000;
const LAST_ID = 4_294_967_294;

/**
 * Goes on with the newest file of the spool folder, which it takes anew; begins with the oldest that the server has.
 * @throws SOURCES_UNREACHABLE when the connection breaks, SOURCES_CREDENTIALS, SOURCES_UNSUPPORTED without a binary log, SOURCES_TOOL_FAILED
 */
export async function followBinlog(
  connection: Connection,
  { spool, signal, onFollowing }: JournalFollowing,
): Promise<void> {
  const { tools } = connection;
  const { version, hasBinaryLog } = await serverFacts(connection, { signal });
  if (!hasBinaryLog) {
    const reason = "the server writes no binary log: set log_bin and server_id, and restart it";
    throw sourcesError("SOURCES_UNSUPPORTED", { source: tools.source, what: "following its journal", reason });
  }
  const isMySql = version.product === "MySQL";
  const rights = ["REPLICATION SLAVE", isMySql ? "REPLICATION CLIENT" : "BINLOG MONITOR"];
  await requireRights(
    connection,
    rights.map((right) => ({ right, database: undefined })),
    { signal },
  );
  const logs = (await connection.query("SHOW BINARY LOGS", { signal })).map(([name]) => name as string);
  const first = await firstFile(spool, logs);
  if (first === undefined)
    throw sourcesError("SOURCES_EMPTY", { source: tools.source, actual: "no binary log", expected: "one" });
  const user = await tools.runAs({ signal });
  if (user !== undefined) await chown(spool, user.uid, user.gid);
  const id = randomInt(FIRST_ID, LAST_ID);
  const call = await connection.call(toolFor(version.product, "binlog"), [
    "--read-from-remote-server",
    "--raw",
    "--stop-never",
    isMySql ? `--connection-server-id=${id}` : `--stop-never-slave-server-id=${id}`,
    `--result-file=${join(spool, "/")}`,
    first,
  ]);
  onFollowing?.();
  try {
    await tools.programs.text(call, { signal });
  } catch (error) {
    throw explainFailure(error, tools.source);
  }
}

/** Of the files in the spool folder that the server has too the newest one, else the server's oldest. */
async function firstFile(spool: string, logs: readonly string[]): Promise<string | undefined> {
  const known = new Set(logs);
  const present: string[] = [];
  for (const name of await readdir(spool)) {
    if (known.has(name) && (await stat(join(spool, name))).size > 0) present.push(name);
  }
  const number = (name: string): number => parseBinlogName(name)?.number ?? 0;
  return present.toSorted((a, b) => number(b) - number(a))[0] ?? logs[0];
}
