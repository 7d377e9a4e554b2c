/**
 * Reads a dump of several databases as it goes by: finds where each database begins, counts the rows of each table, takes out what is
 * another in every dump (positions of the binary log), and knows whether the dump came to its end.
 *
 * It follows the quotes, so that nothing in a row or a name can pass for the beginning of a database. What it reads is what dump tools
 * write without routines, triggers and events, in a session whose sql_mode is theirs: strings in single quotes with backslashes,
 * names in backticks, comments at the beginning of lines only.
 */
import { unquoted } from "../server/sql-text.ts";

/** Bytes of a database, or the beginning of the next. */
export type DumpPart =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** The tables of all databases come first, then the views of all of them. */
  | { readonly kind: "begin"; readonly database: string; readonly phase: "tables" | "views" };

/** Rows by table. */
export type TableRows = ReadonlyMap<string, number>;

export interface DumpPosition {
  readonly file?: string;
  readonly position?: string;
  readonly gtid?: string;
}

const NEWLINE = 10;
const QUOTE = 39;
const OPEN = 40;
const CLOSE = 41;
const DASH = 45;
const SEMICOLON = 59;
const BACKSLASH = 92;
const BACKTICK = 96;

/** A statement is known by so many of its first bytes: the longest name has 64 characters. */
const HEAD_BYTES = 1024;
const MAX_COMMENT_BYTES = 64 * 1024;
const MAX_PREAMBLE_BYTES = 1024 * 1024;

export const END = "-- Dump completed";
const DATABASE = /^-- Current Database: `((?:[^`]|``)+)`$/;
const INSERT = /^INSERT INTO `((?:[^`]|``)+)` (\(?)/;
const CREATE_TABLE = /^CREATE TABLE `((?:[^`]|``)+)` \(/;
/** With these, a dump puts back what it has set. */
const TAIL = /^\/\*!\d+ SET (?:TIME_ZONE=@OLD_TIME_ZONE|SQL_MODE=@OLD_SQL_MODE)/;
const LOG_POSITION =
  /CHANGE (?:MASTER|REPLICATION SOURCE) TO (?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=(\d+)/;
const GTID_POSITION = /gtid_slave_pos='([^']*)'/i;
/** Comments that tell of positions. */
const ABOUT_POSITION =
  /gtid|CHANGE MASTER|CHANGE REPLICATION|corresponding to the above master-data|position of the binary logging|creating a slave|master server where/i;

/** A mark at the beginning of newer dumps, which clients of before 2024 take for a command that they do not know. */
export function isSandboxMark(line: string): boolean {
  return line.startsWith("/*M!999999");
}

/** Whether a comment tells us something, and is no part of any database. */
function isTakenOut(line: string): boolean {
  return line.startsWith("--") && (line.startsWith(END) || DATABASE.test(line) || ABOUT_POSITION.test(line));
}

type Place = "text" | "string" | "name";

export class DumpScanner {
  readonly #databases: readonly string[];
  readonly #rows = new Map<string, Map<string, number>>();
  readonly #preamble: string[] = [];
  #position: DumpPosition = {};
  /** How many beginnings were seen, of tables and then of views. */
  #begun = 0;
  #preambleBytes = 0;
  #isComplete = false;
  #isTail = false;
  /** Bytes before those that are scanned now, and where the statement began, counted from the beginning of the dump. */
  #passed = 0;
  #statementAt = 0;
  #largestStatement = 0;

  #place: Place = "text";
  #isEscaped = false;
  /** The statement is over; the next begins with the next line. */
  #isBetween = true;
  #isLineStart = true;
  #table: string | undefined;
  #depth = 0;
  #counted = 0;
  #rest: Uint8Array = new Uint8Array();

  /** @param databases in the order in which the tool was told to dump them */
  constructor(databases: readonly string[]) {
    this.#databases = databases;
  }

  /** What the next bytes of the dump hold. @throws an Error that says what is not as it should be */
  scan(chunk: Uint8Array): DumpPart[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = new Uint8Array();
    return this.#scan(bytes, false);
  }

  /** What was held back, at the end of the dump. @throws an Error unless it is whole */
  end(): DumpPart[] {
    const parts = this.#scan(this.#rest, true);
    if (!this.#isComplete || this.#place !== "text" || !this.#isBetween) throw new Error("the dump breaks off");
    if (this.#begun < this.#databases.length) {
      throw new Error(`the dump does not hold the database ${this.#databases[this.#begun]}`);
    }
    return parts;
  }

  /** What sets character set, time zone and checks of a session, to be read before any of the databases. */
  get preamble(): Uint8Array {
    return Buffer.from(`${this.#preamble.join("\n")}\n\n`);
  }

  /** Where the binary log was, as far as the dump says. */
  get position(): DumpPosition {
    return this.#position;
  }

  /** The tables of each database that has come, with the number of their rows. */
  get rows(): ReadonlyMap<string, TableRows> {
    return this.#rows;
  }

  /** How long the longest statement is, in bytes: a server that takes less cannot load the dump. */
  get largestStatementBytes(): number {
    return this.#largestStatement;
  }

  #scan(bytes: Uint8Array, isEnd: boolean): DumpPart[] {
    const parts: DumpPart[] = [];
    let from = 0;
    let at = 0;
    const give = (to: number): void => {
      if (to > from && this.#begun > 0 && !this.#isTail) parts.push({ kind: "bytes", bytes: bytes.subarray(from, to) });
      from = to;
    };
    while (at < bytes.length) {
      if (!this.#isLineStart || !this.#isBetween || this.#place !== "text") {
        at = this.#through(bytes, at);
        continue;
      }
      if (bytes[at] === NEWLINE) {
        at++;
        continue;
      }
      const isComment = bytes[at] === DASH && bytes[at + 1] === DASH;
      const available = bytes.length - at;
      const end = isComment ? bytes.indexOf(NEWLINE, at) : Math.min(available, HEAD_BYTES) + at;
      if (!isEnd && (isComment ? end === -1 && available < MAX_COMMENT_BYTES : available < HEAD_BYTES)) {
        give(at);
        this.#rest = bytes.slice(at);
        this.#passed += at;
        return parts;
      }
      const head = Buffer.from(bytes.subarray(at, end === -1 ? bytes.length : end)).toString("utf8");
      if (isComment) {
        if (end === -1 && !isEnd) throw new Error("the dump has a comment without an end");
        const next = end === -1 ? bytes.length : end + 1;
        if (isTakenOut(head)) {
          // What came before belongs to what came before.
          give(at);
          from = next;
        }
        parts.push(...this.#comment(head));
        at = next;
        continue;
      }
      if (!this.#isTail && TAIL.test(head)) {
        give(at);
        this.#isTail = true;
      }
      this.#statementAt = this.#passed + at;
      this.#beginStatement(head);
      at = this.#through(bytes, at);
    }
    give(bytes.length);
    this.#passed += bytes.length;
    return parts;
  }

  #comment(line: string): DumpPart[] {
    if (line.startsWith(END)) this.#isComplete = true;
    const [, file, position] = LOG_POSITION.exec(line) ?? [];
    if (file !== undefined && position !== undefined) this.#position = { ...this.#position, file, position };
    const gtid = GTID_POSITION.exec(line)?.[1];
    if (gtid !== undefined) this.#position = { ...this.#position, gtid };
    const name = DATABASE.exec(line)?.[1];
    if (name === undefined) return [];
    const database = unquoted(name);
    const count = this.#databases.length;
    if (this.#begun >= 2 * count || this.#databases[this.#begun % count] !== database) {
      throw new Error(`the dump goes on with the database ${database}, where it should not be`);
    }
    const phase = this.#begun < count ? "tables" : "views";
    this.#begun++;
    if (phase === "tables") this.#rows.set(database, new Map());
    return [{ kind: "begin", database, phase }];
  }

  #beginStatement(head: string): void {
    this.#isBetween = false;
    this.#table = undefined;
    if (this.#begun === 0) this.#keepPreamble(head);
    const rows = this.#rows.get(this.#databases[(this.#begun - 1) % this.#databases.length] ?? "");
    if (rows === undefined) return;
    const created = CREATE_TABLE.exec(head)?.[1];
    if (created !== undefined) rows.set(unquoted(created), 0);
    const [, inserted, columns] = INSERT.exec(head) ?? [];
    if (inserted === undefined) return;
    this.#table = unquoted(inserted);
    this.#depth = 0;
    // A list of columns comes before the rows, in parentheses too.
    this.#counted = columns === "" ? 0 : -1;
  }

  #keepPreamble(head: string): void {
    const [statement = ""] = head.split("\n", 1);
    this.#preambleBytes += statement.length;
    if (this.#preambleBytes > MAX_PREAMBLE_BYTES) throw new Error("the dump does not begin with a database");
    if (isSandboxMark(statement)) this.#isBetween = true;
    else if (statement.endsWith(";")) this.#preamble.push(statement);
    else throw new Error(`the dump begins with what is not known: ${statement.slice(0, 80)}`);
  }

  /** To the end of the statement, or of the bytes. @returns where to go on */
  #through(bytes: Uint8Array, begin: number): number {
    let at = begin;
    const end = bytes.length;
    while (at < end) {
      if (this.#place === "string") at = this.#throughString(bytes, at);
      else if (this.#place === "name") at = this.#throughName(bytes, at);
      else {
        const isOver = this.#isBetween;
        at = this.#throughText(bytes, at);
        if (isOver || (this.#isBetween && this.#isLineStart)) return at;
      }
    }
    return at;
  }

  #throughString(bytes: Uint8Array, begin: number): number {
    let at = begin;
    let isEscaped = this.#isEscaped;
    for (const end = bytes.length; at < end; at++) {
      const byte = bytes[at];
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) {
        this.#place = "text";
        at++;
        break;
      }
    }
    this.#isEscaped = isEscaped;
    return at;
  }

  #throughName(bytes: Uint8Array, begin: number): number {
    const end = bytes.indexOf(BACKTICK, begin);
    if (end === -1) return bytes.length;
    this.#place = "text";
    return end + 1;
  }

  #throughText(bytes: Uint8Array, begin: number): number {
    let at = begin;
    for (const end = bytes.length; at < end;) {
      const byte = bytes[at++];
      this.#isLineStart = byte === NEWLINE;
      if (byte === QUOTE || byte === BACKTICK) {
        this.#place = byte === QUOTE ? "string" : "name";
        return at;
      }
      if (byte === OPEN) {
        if (this.#depth++ === 0) this.#counted++;
      } else if (byte === CLOSE) this.#depth--;
      else if (byte === SEMICOLON) this.#endStatement(at);
      else if (byte === NEWLINE && this.#isBetween) return at;
    }
    return at;
  }

  #endStatement(at: number): void {
    this.#isBetween = true;
    this.#largestStatement = Math.max(this.#largestStatement, this.#passed + at - this.#statementAt);
    if (this.#table === undefined) return;
    const rows = this.#rows.get(this.#databases[(this.#begun - 1) % this.#databases.length] ?? "");
    rows?.set(this.#table, (rows.get(this.#table) ?? 0) + this.#counted);
    this.#table = undefined;
  }
}
