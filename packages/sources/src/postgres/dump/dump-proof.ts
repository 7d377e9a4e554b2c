/** Proves a capture by dumps: all of it is restored into a new private cluster, compared with what was counted, and asked. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, ProofCheck, ProofReport, ProveOptions } from "../../contract/source.ts";
import { requireRoom } from "../../host/room.ts";
import { type Seen, lookAt } from "../../proofs/look-at.ts";
import { amcheck } from "../amcheck.ts";
import { askDatabases } from "../ask-databases.ts";
import { postgresPrograms } from "../connection.ts";
import { explained } from "../failures.ts";
import type { MethodParts } from "../method.ts";
import { PrivateCluster, initializeCluster, letThrough, serverFolder, serverUser } from "../private-cluster.ts";
import { identifier, literal } from "../sql-text.ts";
import { findTools } from "../tools.ts";
import { Archive } from "./archive.ts";
import { type DatabaseFacts, type DumpDetail, dumpDetailOf } from "./dump-facts.ts";
import { missingExtensions } from "./extensions.ts";
import { planRoles, readGlobals } from "./roles.ts";

const TOOLS = ["postgres", "initdb", "psql", "pg_restore", "pg_isready"] as const;
/** A new cluster, with its journal. */
const CLUSTER_BYTES = 128 * 1024 * 1024;
/** For filling it fast; it has no standbys, and nobody beside us. */
const FILLING = { wal_level: "minimal", max_wal_senders: "0", max_wal_size: "4GB", maintenance_work_mem: "256MB" };

/** @throws only when it could not be tried */
export async function proveDumps(
  parts: MethodParts,
  captured: CapturedTree,
  options: ProveOptions,
): Promise<ProofReport> {
  const { settings, source, surroundings } = parts;
  const { signal, scratch, onStep } = options;
  const beganMs = performance.now();
  const detail = dumpDetailOf(captured.facts);
  const programs = postgresPrograms(source, surroundings);
  const folder = settings["server-binaries"] ?? settings.tools;
  const setting =
    settings["server-binaries"] === undefined && settings.tools !== undefined ? "tools" : "server-binaries";
  const major = Number.parseInt(captured.facts.server?.version ?? "", 10);
  const wanted = { tools: [...TOOLS] as [string, ...string[]], folder, setting };
  const tools = await findTools({ ...wanted, major: Number.isNaN(major) ? undefined : major }, programs, { signal });
  const user = await serverUser(settings["server-user"], programs, { signal });
  await requireRoom(
    scratch,
    CLUSTER_BYTES + detail.databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    source,
  );
  await letThrough(scratch, surroundings.temporary, user);
  const [data, work, temporary] = [join(scratch, "data"), join(scratch, "run"), join(scratch, "lists")];
  await serverFolder(data, user);
  await mkdir(temporary, { mode: 0o700 });
  const cluster = { programs, tools, data, user, superuser: detail.superuser };
  onStep(`making a private cluster of PostgreSQL ${tools.version}`);
  await initializeCluster(cluster, ["--encoding=UTF8", "--locale=C"], { signal });
  const start = {
    ...cluster,
    work,
    preload: settings.preload,
    settings: FILLING,
    readyWithinMs: settings["start-limit"],
  };
  const server = await PrivateCluster.start(start, { signal });
  try {
    return await new DumpProof(parts, { server, captured, detail, temporary, beganMs, options }).run();
  } finally {
    await server.end();
  }
}

interface DumpProofOptions {
  readonly server: PrivateCluster;
  readonly captured: CapturedTree;
  readonly detail: DumpDetail;
  readonly temporary: string;
  readonly beganMs: number;
  readonly options: ProveOptions;
}

class DumpProof {
  readonly #parts: MethodParts;
  readonly #options: DumpProofOptions;
  readonly #checks: ProofCheck[] = [];

  constructor(parts: MethodParts, options: DumpProofOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async run(): Promise<ProofReport> {
    const { detail, beganMs, options } = this.#options;
    const { onStep, signal } = options;
    await this.#look("roles", () => this.#makeRoles({ signal }));
    const restored: string[] = [];
    for (const facts of detail.databases) {
      onStep(`restoring ${facts.name}`);
      const isThere = await this.#look(`${facts.name}: restored`, () => this.#restore(facts, { signal }));
      if (!isThere) continue;
      restored.push(facts.name);
      await this.#look(`${facts.name}: rows`, () => this.#compare(facts, { signal }));
    }
    const isUsable = this.#checks.every(({ passed }) => passed);
    const usableAfterMs = isUsable ? performance.now() - beganMs : undefined;
    for (const name of restored) {
      onStep(`examining every page and index of ${name}`);
      const check = await amcheck(this.#options.server, name, { signal });
      if (check !== undefined) this.#checks.push(check);
    }
    const { queries } = this.#parts.settings;
    this.#checks.push(...(await askDatabases(this.#options.server, queries, restored, { signal, onStep })));
    return { checks: this.#checks, usableAfterMs };
  }

  async #look(name: string, look: () => Promise<Seen>): Promise<boolean> {
    const { source } = this.#parts;
    const check = await lookAt(name, this.#options.options, async () => {
      try {
        return await look();
      } catch (error) {
        // A full disk says nothing of the copy.
        throw explained(error, source, this.#options.detail.superuser);
      }
    });
    this.#checks.push(check);
    return check.passed;
  }

  async #makeRoles(options: CallOptions): Promise<Seen> {
    const { server, captured, detail } = this.#options;
    const plan = planRoles(await readGlobals(captured, options), new Set([detail.superuser]));
    await server.psql.execute("postgres", plan.statements.filter(isHarmless), options);
    return { passed: true, detail: `${plan.created.length + plan.kept.length} roles` };
  }

  async #restore(facts: DatabaseFacts, options: CallOptions): Promise<Seen> {
    const { server, captured, temporary } = this.#options;
    const missing = await missingExtensions(server.psql, "template1", [facts], options);
    if (missing.length > 0) {
      return {
        passed: false,
        detail: `this machine lacks the extensions ${missing.join(", ")}: install their packages`,
      };
    }
    const archive = new Archive(facts, { access: server, captured, temporary, owners: true, tablespaces: false });
    const { create, properties } = await archive.statementsFor(facts.name, options);
    if (["postgres", "template1"].includes(facts.name)) {
      const admin = facts.name === "postgres" ? "template1" : "postgres";
      const drop = [
        `ALTER DATABASE ${identifier(facts.name)} IS_TEMPLATE false`,
        `DROP DATABASE ${identifier(facts.name)}`,
      ];
      await server.psql.execute(admin, drop, options);
    }
    const note = await this.#create(facts, create, options);
    await archive.fill(facts.name, options);
    await server.psql.execute(facts.name, properties.filter(isHarmless), options);
    return { passed: true, detail: `${facts.tables} tables, ${facts.largeObjects} large objects${note}` };
  }

  /** With another locale where this machine lacks its own. */
  async #create(facts: DatabaseFacts, create: string, options: CallOptions): Promise<string> {
    const { psql } = this.#options.server;
    const admin = facts.name === "postgres" ? "template1" : "postgres";
    try {
      await psql.execute(admin, [create], options);
      return "";
    } catch (error) {
      if (!isHoldfastError(error) || !/locale/.test(messageOf(error))) throw error;
    }
    const locale = facts.encoding === "UTF8" ? "C.UTF-8" : "C";
    const plain = `CREATE DATABASE ${identifier(facts.name)} TEMPLATE template0 ENCODING ${literal(facts.encoding)} LOCALE ${literal(locale)}`;
    await psql.execute(admin, [plain], options);
    return `; this machine lacks the locale ${facts.locale ?? facts.collate}, so it was restored with ${locale}`;
  }

  async #compare({ name, tables, counts }: DatabaseFacts, options: CallOptions): Promise<Seen> {
    const { psql } = this.#options.server;
    const differing: string[] = [];
    for (const { schema, table, rows } of counts) {
      const from = `${identifier(schema)}.${identifier(table)}`;
      const found = await psql.row<{ rows: number }>(name, `SELECT count(*) AS rows FROM ONLY ${from}`, options);
      if (found.rows !== rows) differing.push(`${schema}.${table} has ${found.rows} rows, where ${rows} were captured`);
    }
    if (differing.length > 0) return { passed: false, detail: differing.slice(0, 5).join("; ") };
    const total = counts.reduce((sum, { rows }) => sum + rows, 0);
    return {
      passed: true,
      detail: `${total} rows in ${counts.length} of ${tables} tables, as they were counted in the capture`,
    };
  }
}

/** What would load libraries into every session, which may begin to work: jobs, connections to elsewhere. */
function isHarmless(statement: string): boolean {
  return !/_preload_libraries/i.test(statement);
}
