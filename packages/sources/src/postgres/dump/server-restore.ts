/** Restores dumps into a server: beside what is there, and into their places at one stroke when all are whole. */
import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/base";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions, RestoreOptions, RestoreReport } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import type { MethodParts } from "../method.ts";
import type { PostgresSettings } from "../settings.ts";
import type { Psql } from "../psql.ts";
import { identifier, literal } from "../sql-text.ts";
import { Archive } from "./archive.ts";
import { targetName } from "./chosen-dumps.ts";
import type { DatabaseFacts, DumpDetail } from "./dump-facts.ts";
import { missingExtensions } from "./extensions.ts";
import { type RolePlan, planRoles, readGlobals } from "./roles.ts";
import { type Place, examinePlace, putInPlaces } from "./target-databases.ts";

/** How long it may take to end what the server does for a client that is gone. */
const END_POLLS = 100;
const END_POLL_MS = 100;

export interface ServerRestoreParts {
  readonly connection: Connection;
  readonly captured: CapturedTree;
  readonly detail: DumpDetail;
  readonly chosen: readonly DatabaseFacts[];
  readonly options: RestoreOptions;
}

/** One restore; `run` once. */
export class ServerRestore {
  readonly #parts: MethodParts;
  readonly #connection: Connection;
  readonly #captured: CapturedTree;
  readonly #detail: DumpDetail;
  readonly #chosen: readonly DatabaseFacts[];
  readonly #options: RestoreOptions;
  readonly #settings: PostgresSettings;
  /** Where others are made, dropped and renamed from: never one that is restored itself. */
  #admin: string;

  constructor(parts: MethodParts, { connection, captured, detail, chosen, options }: ServerRestoreParts) {
    this.#parts = parts;
    this.#connection = connection;
    this.#captured = captured;
    this.#detail = detail;
    this.#chosen = chosen;
    this.#options = options;
    this.#settings = parts.settings;
    this.#admin = parts.settings.database;
  }

  /** @throws as a restore does */
  async run(): Promise<RestoreReport> {
    const { signal, onStep, overwrite = false } = this.#options;
    this.#requireAble();
    const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const places: Place[] = [];
    const left: Place[] = [];
    for (const facts of this.#chosen) {
      const name = targetName(facts, this.#chosen, this.#settings, this.#parts.source);
      if (name === this.#admin) this.#admin = "template1";
      const place = await examinePlace(this.#connection, { facts, name, stamp, overwrite }, this.#admin, { signal });
      // Every server has one called postgres: where neither holds anything, that one stays.
      if (place.present?.isEmpty === true && facts.isEmpty) left.push(place);
      else places.push(place);
    }
    await this.#requireExtensions(places, { signal });
    const missing = await this.#missingTablespaces(places, { signal });
    const roles = await this.#restoreRoles({ signal });
    const made: Place[] = [];
    let isInPlace = false;
    try {
      for (const place of places) {
        onStep(`restoring ${place.name}`);
        await this.#restore(place, { tablespaces: missing.length === 0, made }, { signal });
      }
      onStep("putting what was restored in its place");
      isInPlace = true;
      await putInPlaces(this.#connection, places, this.#admin, { signal });
      for (const { facts, name } of left) {
        const { properties } = await this.#archive(facts, missing.length === 0).statementsFor(name, { signal });
        await this.#connection.psql.execute(this.#admin, properties, { signal });
      }
    } finally {
      if (!isInPlace) await this.#drop(made);
    }
    return this.#report(places, { left, roles, missing });
  }

  #requireAble(): void {
    const { server } = this.#connection;
    const { source } = this.#parts;
    const what = "restoring to this server";
    if (server.isStandby) {
      throw sourcesError("SOURCES_UNSUPPORTED", { source, what, reason: "it is a standby, which takes no changes" });
    }
    const captured = Number.parseInt(this.#captured.facts.server?.version ?? "0", 10);
    if (server.major >= captured) return;
    const reason = `it is PostgreSQL ${server.major}, and the capture is of version ${captured}: restore to that or a newer one`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source, what, reason });
  }

  async #requireExtensions(places: readonly Place[], options: CallOptions): Promise<void> {
    const all = places.map(({ facts }) => facts);
    const missing = await missingExtensions(this.#connection.psql, this.#admin, all, options);
    if (missing.length === 0) return;
    const reason = `the server lacks the extensions ${missing.join(", ")}: install their packages there`;
    throw sourcesError("SOURCES_UNSUPPORTED", { source: this.#parts.source, what: "restoring to this server", reason });
  }

  async #missingTablespaces(places: readonly Place[], options: CallOptions): Promise<string[]> {
    const used = [...new Set(places.flatMap(({ facts }) => facts.tablespaces))];
    if (used.length === 0) return [];
    const present = await this.#connection.psql.rows<{ name: string }>(
      this.#admin,
      "SELECT spcname AS name FROM pg_catalog.pg_tablespace",
      options,
    );
    return used.filter((name) => !present.some((each) => each.name === name));
  }

  async #restoreRoles(options: CallOptions): Promise<RolePlan | undefined> {
    if (!this.#settings.owners) return undefined;
    const { psql } = this.#connection;
    const present = await psql.rows<{ name: string }>(
      this.#admin,
      "SELECT rolname AS name FROM pg_catalog.pg_roles",
      options,
    );
    const isPart = this.#chosen.length < this.#detail.databases.length;
    const wanted = [...new Set(this.#chosen.flatMap((facts) => facts.roles)), this.#detail.superuser];
    const globals = await readGlobals(this.#captured, options);
    const plan = planRoles(globals, new Set(present.map(({ name }) => name)), isPart ? wanted : undefined);
    if (plan.created.length > 0) this.#options.onStep(`creating the roles ${plan.created.join(", ")}`);
    // All or none, so that a second try finds the same.
    if (plan.statements.length > 0) await psql.execute(this.#admin, ["BEGIN", ...plan.statements, "COMMIT"], options);
    return plan;
  }

  async #restore(
    { facts, temporary }: Place,
    { tablespaces, made }: { tablespaces: boolean; made: Place[] },
    options: CallOptions,
  ): Promise<void> {
    const { psql } = this.#connection;
    const archive = this.#archive(facts, tablespaces);
    const { create, properties } = await archive.statementsFor(temporary, options);
    made.push({ facts, temporary, name: temporary, present: undefined });
    await psql.execute(this.#admin, [create], options);
    await archive.fill(temporary, options);
    this.#options.onStep(`looking at its content, so that queries are planned well`);
    await psql.execute(temporary, ["ANALYZE"], options);
    await psql.execute(this.#admin, properties, options);
  }

  #archive(facts: DatabaseFacts, tablespaces: boolean): Archive {
    return new Archive(facts, {
      access: this.#connection,
      captured: this.#captured,
      temporary: this.#parts.surroundings.temporary,
      owners: this.#settings.owners,
      tablespaces,
    });
  }

  /** What was begun; nobody else has used it. */
  async #drop(made: readonly Place[]): Promise<void> {
    // Also after an abort: it would be taken for something that is needed.
    const { signal } = new AbortController();
    const force = this.#connection.server.major >= 13 ? " WITH (FORCE)" : "";
    for (const { temporary } of made) {
      const drop = `DROP DATABASE IF EXISTS ${identifier(temporary)}${force}`;
      try {
        await endWorkOn(this.#connection.psql, this.#admin, temporary, { signal });
        await this.#connection.psql.execute(this.#admin, [drop], { signal });
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        const message = `the unfinished database ${temporary} could not be dropped: ${error.message}`;
        this.#options.onWarning({ code: "unfinished-left", message });
      }
    }
  }

  #report(
    places: readonly Place[],
    { left, roles, missing }: { left: readonly Place[]; roles: RolePlan | undefined; missing: readonly string[] },
  ): RestoreReport {
    const { host, port } = this.#settings;
    const kept = roles?.kept ?? [];
    const subscriptions = places.flatMap(({ facts, name }) => facts.subscriptions.map((each) => `${each} of ${name}`));
    const former = places.flatMap(({ present }) => (present === undefined || present.isEmpty ? [] : [present.former]));
    return {
      restored: [
        ...(roles?.created ?? []).map((name) => `role ${name}`),
        ...places.map(
          ({ facts, name }) =>
            `database ${name}: ${facts.tables} tables, ${facts.sizeBytes} bytes when it was captured`,
        ),
        ...left.map(({ name }) => `database ${name}: empty, as the one that is there`),
      ],
      place: `${host ?? "the server of this machine"}, port ${port}`,
      remaining: [
        ...former.map((name) => `The database that was there is now ${name}: drop it when nobody needs it.`),
        ...(kept.length === 0 ? [] : [`Roles that were there stayed as they were: ${kept.join(", ")}.`]),
        ...(roles === undefined || this.#detail.passwords
          ? []
          : ["Roles have no passwords, as the capture has none: set them."]),
        ...(missing.length === 0
          ? []
          : [
              `The server lacks the tablespaces ${missing.join(", ")}: all lies in its usual one. Make them first to have them used.`,
            ]),
        ...(subscriptions.length === 0
          ? []
          : [`Subscriptions were left out: ${subscriptions.join(", ")}. Make them anew if they are wanted.`]),
      ],
    };
  }
}

/**
 * A server goes on with what a client has asked for that is gone by now: a database that is being made would be there after it was
 * dropped. Waits until nothing of it runs.
 */
async function endWorkOn(psql: Psql, admin: string, database: string, options: CallOptions): Promise<void> {
  const sql = `SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) AS sessions FROM pg_catalog.pg_stat_activity
    WHERE pid <> pg_catalog.pg_backend_pid() AND usename = current_user AND pg_catalog.strpos(query, ${literal(identifier(database))}) > 0`;
  for (let n = 0; n < END_POLLS; n++) {
    if ((await psql.row<{ sessions: number }>(admin, sql, options)).sessions === 0) return;
    await sleep(END_POLL_MS);
  }
}
