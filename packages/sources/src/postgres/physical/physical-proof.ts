/** Proves a base backup: a private server recovers it, to its own end or to where it was asked to, and is examined and asked. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import { requireRoom } from "../../host/room.ts";
import { type Seen, lookAt } from "../../proofs/look-at.ts";
import { amcheck } from "../amcheck.ts";
import { askDatabases } from "../ask-databases.ts";
import { postgresPrograms } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { PrivateCluster, letThrough, serverFolder, serverUser } from "../private-cluster.ts";
import { findTools } from "../tools.ts";
import { POSITION, type PhysicalDetail, physicalDetailOf } from "./physical-facts.ts";
import { chownAll, tablespacePlaces, writeCluster } from "./physical-restore.ts";
import { type RecoverySettings, prepareRecovery } from "./recovery.ts";

const TOOLS = ["postgres", "psql", "pg_isready"] as const;
/** Names that the configuration of the original uses, and that a copy must not read. */
const CONFIGURATION_FILES = ["postgresql.conf", "postgresql.auto.conf"] as const;

/** @throws only when it could not be tried */
export async function provePhysical(
  parts: MethodParts,
  captured: CapturedTree,
  options: ProveOptions,
): Promise<ProofReport> {
  const { settings, source, surroundings } = parts;
  const { signal, scratch, onStep, recovery } = options;
  const beganMs = performance.now();
  const detail = physicalDetailOf(captured.facts);
  const programs = postgresPrograms(source, surroundings);
  const folder = settings["server-binaries"] ?? settings.tools;
  const setting =
    settings["server-binaries"] === undefined && settings.tools !== undefined ? "tools" : "server-binaries";
  const major = Number.parseInt(captured.facts.server?.version ?? "", 10);
  const wanted = { tools: [...TOOLS] as [string, ...string[]], folder, setting };
  const tools = await findTools({ ...wanted, major }, programs, { signal });
  if (tools.major !== major) {
    const detailText = `the files need PostgreSQL ${major}, and ${tools.version} is what is there`;
    return { checks: [{ name: "server", passed: false, detail: detailText, elapsedMs: 0 }], usableAfterMs: undefined };
  }
  const user = await serverUser(settings["server-user"], programs, { signal });
  await requireRoom(scratch, detail.sizeBytes, source);
  await letThrough(scratch, surroundings.temporary, user);
  const [data, work] = [join(scratch, "data"), join(scratch, "run")];
  await serverFolder(data, user);
  const places = tablespacePlaces(detail, {}, data);
  onStep("restoring to a temporary folder");
  await writeCluster(captured, { folder: data, places }, { signal });
  const until = recovery === undefined ? "the end of the backup" : recoveryTargetText(recovery.until);
  onStep(recovery === undefined ? "preparing its start" : `bringing the WAL for ${until}`);
  let server: PrivateCluster | undefined;
  try {
    const checks: ProofCheck[] = [];
    const recovered = await lookAt(`recovery to ${until}`, { signal }, async (): Promise<Seen> => {
      const recoverySettings =
        recovery === undefined
          ? {}
          : await prepareRecovery({ facts: captured.facts, recovery, data, source }, { signal });
      for (const name of CONFIGURATION_FILES) await writeFile(join(data, name), "", { mode: 0o600 });
      await chownAll([scratch], user);
      onStep(`starting a private server of PostgreSQL ${tools.version}`);
      const limit = recovery === undefined ? settings["start-limit"] : settings["recovery-limit"];
      server = await PrivateCluster.start(
        {
          programs,
          tools,
          data,
          work,
          user,
          superuser: detail.superuser,
          preload: settings.preload,
          settings: startSettings(detail, recoverySettings),
          readyWithinMs: limit,
        },
        { signal },
      );
      return reached(server, captured, { signal });
    });
    checks.push(recovered);
    if (server === undefined) return { checks, usableAfterMs: undefined };
    const usableAfterMs = recovered.passed ? performance.now() - beganMs : undefined;
    const databases = (await databasesOf(server, { signal })).map(({ name }) => name);
    for (const name of databases) {
      onStep(`examining every page and index of ${name}`);
      const check = await amcheck(server, name, { signal });
      if (check !== undefined) checks.push(check);
    }
    checks.push(...(await askDatabases(server, settings.queries, databases, { signal, onStep })));
    return { checks, usableAfterMs };
  } finally {
    await server?.end();
  }
}

function startSettings({ needed }: PhysicalDetail, recovery: RecoverySettings): Record<string, string> {
  // It takes connections when it is there, and not before.
  return { ...needed, hot_standby: "off", ...recovery };
}

interface Reached {
  readonly recovering: boolean;
  readonly lsn: string | null;
  readonly at: string | null;
}

async function reached({ psql }: PrivateCluster, { facts }: CapturedTree, options: CallOptions): Promise<Seen> {
  const { recovering, lsn, at } = await psql.row<Reached>(
    "postgres",
    `SELECT pg_is_in_recovery() AS recovering, pg_last_wal_replay_lsn()::text AS lsn,
       to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
    options,
  );
  if (recovering) return { passed: false, detail: "it is still recovering" };
  const place = lsn ?? facts.position[POSITION.stop] ?? "";
  return { passed: true, detail: `LSN ${place}${at === null ? "" : `, last transaction of ${at}`}` };
}

async function databasesOf({ psql }: PrivateCluster, options: CallOptions): Promise<{ name: string }[]> {
  const query =
    "SELECT datname AS name FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY datname";
  return psql.rows<{ name: string }>("postgres", query, options);
}
