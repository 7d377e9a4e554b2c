/** Proves a base backup: a private server recovers it, to its own end or to where it was asked to, and is examined and asked. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import { recoveryTargetText } from "../../contract/recovery-target.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import { requireRoom } from "../../host/room.ts";
import type { Programs } from "../../programs/programs.ts";
import { type Seen, lookAt } from "../../proofs/look-at.ts";
import { amcheck } from "../amcheck.ts";
import { askDatabases } from "../ask-databases.ts";
import { postgresPrograms } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import { PrivateCluster, type ServerUser, letThrough, serverFolder, serverUser } from "../private-cluster.ts";
import { type PostgresTools, findTools } from "../tools.ts";
import { POSITION, type PhysicalDetail, physicalDetailOf } from "./physical-facts.ts";
import { chownAll, completeCluster, tablespacePlaces, writeCluster } from "./physical-restore.ts";
import { type PreparedRecovery, type RecoverySettings, prepareRecovery } from "./recovery.ts";
import { formatLsn, parseLsn } from "./wal-names.ts";

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
  const { signal, scratch, onStep } = options;
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
  await completeCluster(captured, data, { signal });
  return new PhysicalProof(parts, { captured, detail, programs, tools, user, data, work, beganMs }, options).run();
}

interface Prepared {
  readonly captured: CapturedTree;
  readonly detail: PhysicalDetail;
  readonly programs: Programs;
  readonly tools: PostgresTools;
  readonly user: ServerUser;
  /** The restored data folder. */
  readonly data: string;
  readonly work: string;
  readonly beganMs: number;
}

class PhysicalProof {
  readonly #parts: MethodParts;
  readonly #prepared: Prepared;
  readonly #options: ProveOptions;
  #server: PrivateCluster | undefined;

  constructor(parts: MethodParts, prepared: Prepared, options: ProveOptions) {
    this.#parts = parts;
    this.#prepared = prepared;
    this.#options = options;
  }

  async run(): Promise<ProofReport> {
    const { recovery, signal } = this.#options;
    const until = recovery === undefined ? "the end of the backup" : recoveryTargetText(recovery.until);
    try {
      const recovered = await lookAt(`recovery to ${until}`, { signal }, () => this.#recover(until));
      if (this.#server === undefined) return { checks: [recovered], usableAfterMs: undefined };
      const usableAfterMs = recovered.passed ? performance.now() - this.#prepared.beganMs : undefined;
      return { checks: [recovered, ...(await this.#examine(this.#server))], usableAfterMs };
    } finally {
      await this.#server?.end();
    }
  }

  async #recover(until: string): Promise<Seen> {
    const { captured, data, user } = this.#prepared;
    const { recovery, signal, scratch, onStep } = this.#options;
    const { facts } = captured;
    let prepared: PreparedRecovery = { settings: {}, atLeast: undefined };
    if (recovery !== undefined) {
      onStep(`bringing the WAL for ${until}`);
      prepared = await prepareRecovery({ facts, recovery, data, source: this.#parts.source }, { signal });
    }
    for (const name of CONFIGURATION_FILES) await writeFile(join(data, name), "", { mode: 0o600 });
    await chownAll([scratch], user);
    this.#server = await this.#start(prepared.settings);
    return reached(this.#server, captured, prepared, { signal });
  }

  #start(recoverySettings: RecoverySettings): Promise<PrivateCluster> {
    const { detail, programs, tools, user, data, work } = this.#prepared;
    const { settings } = this.#parts;
    const { recovery, signal, onStep } = this.#options;
    onStep(`starting a private server of PostgreSQL ${tools.version}`);
    const start = {
      programs,
      tools,
      data,
      work,
      user,
      superuser: detail.superuser,
      preload: settings.preload,
      settings: startSettings(detail, recoverySettings),
      readyWithinMs: recovery === undefined ? settings["start-limit"] : settings["recovery-limit"],
    };
    return PrivateCluster.start(start, { signal });
  }

  async #examine(server: PrivateCluster): Promise<ProofCheck[]> {
    const { signal, onStep } = this.#options;
    const checks: ProofCheck[] = [];
    const databases = (await databasesOf(server, { signal })).map(({ name }) => name);
    for (const name of databases) {
      onStep(`examining every page and index of ${name}`);
      const check = await amcheck(server, name, { signal });
      if (check !== undefined) checks.push(check);
    }
    return [...checks, ...(await askDatabases(server, this.#parts.settings.queries, databases, { signal, onStep }))];
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

async function reached(
  { psql }: PrivateCluster,
  { facts }: CapturedTree,
  { atLeast }: PreparedRecovery,
  options: CallOptions,
): Promise<Seen> {
  const { recovering, lsn, at } = await psql.row<Reached>(
    "postgres",
    `SELECT pg_is_in_recovery() AS recovering, pg_last_wal_replay_lsn()::text AS lsn,
       to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
    options,
  );
  if (recovering) return { passed: false, detail: "it is still recovering" };
  const place = lsn ?? facts.position[POSITION.stop] ?? "";
  // A server takes WAL that makes no sense for the end of it, and says nothing.
  if (atLeast !== undefined && (parseLsn(place) ?? 0n) < atLeast) {
    return { passed: false, detail: `it ended at LSN ${place}, and the WAL goes beyond ${formatLsn(atLeast)}` };
  }
  return { passed: true, detail: `LSN ${place}${at === null ? "" : `, last transaction of ${at}`}` };
}

async function databasesOf({ psql }: PrivateCluster, options: CallOptions): Promise<{ name: string }[]> {
  const query =
    "SELECT datname AS name FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY datname";
  return psql.rows<{ name: string }>("postgres", query, options);
}
