/**
 * Asks a PostgreSQL server by psql. SQL reaches it through standard input, as a quoted text that psql passes on with `\gexec`:
 * nothing of it can be a command of psql, which could run programs, and nothing of it stands in the list of processes.
 */
import type { CallOptions } from "../contract/source.ts";
import type { ProgramCall, Programs } from "../programs/programs.ts";
import type { Answer } from "../proofs/queries.ts";
import { connectionString, literal } from "./sql-text.ts";

/** Between columns, and in the place of NULL: no text of a database has them. */
const COLUMN = "\u001F";
/** Between rows. */
export const ROW = "\u001E";
const NULL = "\u001D";

/** How a server is reached. */
export interface Access {
  readonly programs: Programs;
  /** The path of a tool. */
  tool(name: string): string;
  /** What every program of libpq is given: variables, the user that it runs as, secrets for messages. */
  readonly call: Pick<ProgramCall, "variables" | "user" | "secrets" | "folder">;
}

export class Psql {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  /** A query's rows by the names of their columns; values as JSON has them. @throws SOURCES_TOOL_FAILED */
  async rows<T>(database: string, query: string, options: CallOptions): Promise<T[]> {
    const said = await this.#run(database, [asJson(query)], { ...options, isOurs: true });
    return said.split(ROW).flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as T]));
  }

  /** The only row. @throws SOURCES_TOOL_FAILED */
  async row<T>(database: string, query: string, options: CallOptions): Promise<T> {
    const [row] = await this.rows<T>(database, query, options);
    if (row === undefined) throw new Error(`no row for ${query}`);
    return row;
  }

  /** Runs statements one after another; each is sent as it is, and the first that fails ends it. @throws SOURCES_TOOL_FAILED */
  async execute(database: string, statements: readonly string[], options: CallOptions): Promise<void> {
    if (statements.length > 0) await this.#run(database, statements, { ...options, isOurs: true });
  }

  /** What a question of the user gives: the first column of the first row. @throws SOURCES_TOOL_FAILED */
  async ask(database: string, sql: string, options: CallOptions): Promise<Answer> {
    const said = await this.#run(database, [sql], { ...options, isOurs: false });
    if (said === "") return undefined;
    // A line end closes the last row.
    const row = said.includes(ROW) ? said.slice(0, said.indexOf(ROW)) : said.slice(0, -1);
    const [first = ""] = row.split(COLUMN);
    return first === NULL ? null : first;
  }

  /** The call of psql for input that `quotedStatement` has made. */
  call(database: string): ProgramCall {
    const shape = ["--no-align", "--tuples-only", `--field-separator=${COLUMN}`, `--record-separator=${ROW}`];
    return {
      ...this.#access.call,
      tool: this.#access.tool("psql"),
      args: [
        "--no-psqlrc",
        "--no-password",
        "--quiet",
        ...shape,
        `--pset=null=${NULL}`,
        "--set=ON_ERROR_STOP=1",
        `--dbname=${connectionString(database)}`,
      ],
    };
  }

  async #run(
    database: string,
    statements: readonly string[],
    { signal, isOurs }: CallOptions & { readonly isOurs: boolean },
  ): Promise<string> {
    async function* input(): AsyncGenerator<Uint8Array> {
      if (isOurs) yield Buffer.from(SETTLED);
      for (const statement of statements) yield Buffer.from(quotedStatement(statement));
    }
    return this.#access.programs.text(this.call(database), { signal, input: input() });
  }
}

/**
 * What comes first where we ask for ourselves: nothing that others have put into a schema takes the place of what the server has,
 * and what a database or role sets for its users does not cut us short.
 */
export const SETTLED = `SET search_path = '';
SET standard_conforming_strings = on;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET row_security = off;
`;

/** As psql takes it from its input, and passes it on whatever it holds. */
export function quotedStatement(statement: string): string {
  return `SELECT ${literal(statement)} \\gexec\n`;
}

/** The query with each of its rows as JSON in one line. */
export function asJson(query: string): string {
  return `SELECT pg_catalog.row_to_json(q) FROM (${query}) q`;
}
