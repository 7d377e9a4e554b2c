/** One database's dump, as pg_restore reads it from a snapshot. It is streamed: nothing of it is written to this host. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Access } from "../psql.ts";
import { connectionString, identifier } from "../sql-text.ts";
import type { DatabaseFacts } from "./dump-facts.ts";
import { type Statement, beginsWith, nameAfter, splitStatements } from "./statements.ts";

/** Lines of the archive's list that are of the database itself. */
const OF_DATABASE = /^\d+; \d+ \d+ (?:DATABASE|DATABASE PROPERTIES|(?:ACL|COMMENT|SECURITY LABEL) - DATABASE) /;

export interface ArchiveOptions {
  readonly access: Access;
  readonly captured: CapturedTree;
  /** A folder for a small file. */
  readonly temporary: string;
  readonly owners: boolean;
  readonly tablespaces: boolean;
}

export class Archive {
  readonly facts: DatabaseFacts;
  readonly #options: ArchiveOptions;

  constructor(facts: DatabaseFacts, options: ArchiveOptions) {
    this.facts = facts;
    this.#options = options;
  }

  /**
   * What makes the database by another name: the statement that creates it, and those that set what belongs to it, which need it to be
   * there. @throws SOURCES_DAMAGED, SOURCES_TOOL_FAILED
   */
  async statementsFor(name: string, options: CallOptions): Promise<{ create: string; properties: readonly string[] }> {
    const lines = (await this.#text(["--create", "--list"], options)).split("\n");
    const list = lines.filter((line) => OF_DATABASE.test(line)).join("\n");
    const folder = await mkdtemp(join(this.#options.temporary, "list-"));
    let sql: string;
    try {
      const file = join(folder, "list");
      await writeFile(file, `${list}\n`, { mode: 0o600 });
      sql = await this.#text(["--create", `--use-list=${file}`, "--file=-"], options);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const statements = splitStatements(sql).filter((statement) => !isOfSession(statement));
    const create = statements.find((statement) => beginsWith(statement, "CREATE", "DATABASE"));
    if (create === undefined) {
      throw sourcesError("SOURCES_DAMAGED", {
        what: this.facts.file,
        reason: "it does not say how its database is made",
      });
    }
    const renamed = (statement: Statement): string => withDatabase(statement, name);
    return {
      create: renamed(create),
      properties: statements.filter((each) => each !== create).map(renamed),
    };
  }

  /** Fills a database that is there and empty; the first error ends it. @throws SOURCES_TOOL_FAILED, SOURCES_DAMAGED */
  async fill(database: string, { signal }: CallOptions): Promise<void> {
    const { access } = this.#options;
    const args = [
      "--no-password",
      "--exit-on-error",
      // They would reach for the server that the original is subscribed to.
      "--no-subscriptions",
      ...this.#choices(),
      `--dbname=${connectionString(database)}`,
    ];
    const call = { ...access.call, tool: access.tool("pg_restore"), args };
    await access.programs.text(call, { signal, input: this.#content({ signal }) });
  }

  async #text(args: readonly string[], { signal }: CallOptions): Promise<string> {
    const { access } = this.#options;
    // Without a server, so as ourselves: nobody else may read our files.
    const call = { tool: access.tool("pg_restore"), args: [...args, ...this.#choices()], folder: "/" };
    return access.programs.text(call, { signal, input: this.#content({ signal }) });
  }

  #choices(): string[] {
    const { owners, tablespaces } = this.#options;
    return [...(owners ? [] : ["--no-owner", "--no-privileges"]), ...(tablespaces ? [] : ["--no-tablespaces"])];
  }

  #content(options: CallOptions): AsyncIterable<Uint8Array> {
    return this.#options.captured.read(this.facts.file, options);
  }
}

/** What pg_restore sets for its own session. */
function isOfSession(statement: Statement): boolean {
  return beginsWith(statement, "SET") || beginsWith(statement, "SELECT");
}

function withDatabase(statement: Statement, name: string): string {
  // A role may be called database, too.
  const word =
    nameAfter(statement, "IN", "DATABASE") ??
    nameAfter(statement, "ON", "DATABASE") ??
    nameAfter(statement, "DATABASE");
  if (word === undefined) return statement.text;
  return statement.text.slice(0, word.at) + identifier(name) + statement.text.slice(word.end);
}
