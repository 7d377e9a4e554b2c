/** A session with a server that is kept open: its transaction goes on from question to question. */
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type Access, Psql, ROW, SETTLED, asJson, quotedStatement } from "../psql.ts";

/** psql prints it when all before it was answered. */
const MARK = "\u001C";
/** It would end a transaction that waits for its turn. */
const PATIENT = `SELECT set_config(name, '0', false) FROM pg_settings
  WHERE name IN ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`;

/** `end` must be called. One question at a time. */
export class PsqlSession {
  readonly #input = new Queue();
  readonly #output: AsyncGenerator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #stop = new AbortController();
  readonly #source: string;
  #said = "";
  #isAsked = false;

  private constructor(access: Access, database: string, { signal }: CallOptions) {
    this.#source = access.programs.options.source;
    this.#output = access.programs.stream(new Psql(access).call(database), {
      signal: AbortSignal.any([signal, this.#stop.signal]),
      input: this.#input.taken(),
    });
  }

  /** Connects. @throws SOURCES_TOOL_FAILED */
  static async open(access: Access, database: string, options: CallOptions): Promise<PsqlSession> {
    const session = new PsqlSession(access, database, options);
    try {
      await session.#ask(SETTLED);
      await session.rows(PATIENT);
      return session;
    } catch (error) {
      await session.end();
      throw error;
    }
  }

  /** A query's rows. @throws SOURCES_TOOL_FAILED: then the session is over */
  async rows<T>(query: string): Promise<T[]> {
    const said = await this.#ask(quotedStatement(asJson(query)));
    return said.split(ROW).flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as T]));
  }

  /** The only row. */
  async row<T>(query: string): Promise<T> {
    const [row] = await this.rows<T>(query);
    if (row === undefined) throw new Error(`no row for ${query}`);
    return row;
  }

  /** @throws SOURCES_TOOL_FAILED: then the session is over */
  async execute(statement: string): Promise<void> {
    await this.#ask(quotedStatement(statement));
  }

  /** Begins a transaction that sees what another one sees. @throws SOURCES_TOOL_FAILED */
  async beginAt(exported: string): Promise<void> {
    // Not through `execute`: the query that passes a statement on would be the first, and see what is now.
    if (!/^[\w-]+$/.test(exported)) throw new Error(`no name of a snapshot: ${exported}`);
    await this.#ask(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT '${exported}';\n`);
  }

  /** Ends the session, and with it its transaction. May be called twice. */
  async end(): Promise<void> {
    this.#input.close();
    // One that waits for a question ends by itself, and its server knows of it at once.
    if (this.#isAsked) this.#stop.abort(new Error("the session was ended"));
    try {
      while ((await this.#output.next()).done !== true);
    } catch {
      // It is over either way; who asks it the next time is told.
    }
  }

  async #ask(text: string): Promise<string> {
    this.#isAsked = true;
    this.#input.push(`${text}\\echo ${MARK}\n`);
    for (;;) {
      const end = this.#said.indexOf(`${MARK}\n`);
      if (end >= 0) {
        const answer = this.#said.slice(0, end);
        this.#said = this.#said.slice(end + MARK.length + 1);
        this.#isAsked = false;
        return answer;
      }
      const { done, value } = await this.#output.next();
      if (done === true) throw this.#lost();
      this.#said += this.#decoder.decode(value, { stream: true });
    }
  }

  #lost(): Error {
    const reason = "the session ended before it had answered";
    return sourcesError("SOURCES_TOOL_FAILED", { tool: "psql", source: this.#source, reason });
  }
}

/** What is pushed is taken in that order, by one taker. */
class Queue {
  readonly #waiting: string[] = [];
  #wake = (): void => {};
  #isClosed = false;

  push(text: string): void {
    this.#waiting.push(text);
    this.#wake();
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *taken(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield Buffer.from(next);
      else if (this.#isClosed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
