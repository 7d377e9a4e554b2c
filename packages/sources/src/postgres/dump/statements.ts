/** SQL that pg_dumpall and pg_restore write about roles and databases, in statements and words. It has no dollar quotes. */

export interface Word {
  /** Bare words in capitals; names and strings as they mean. */
  readonly text: string;
  readonly kind: "word" | "name" | "string" | "other";
  /** Where it is in the statement. */
  readonly at: number;
  readonly end: number;
}

export interface Statement {
  /** Without the semicolon. */
  readonly text: string;
  readonly words: readonly Word[];
}

const SPACE = /(?:\s+|--[^\n]*)+/y;
/** For psql alone; never for a server. */
const COMMAND = /\\[^\n]*(?:\n|$)/y;
const TOKENS: readonly { readonly kind: Word["kind"]; readonly shape: RegExp }[] = [
  { kind: "string", shape: /[eE]'(?:[^'\\]|''|\\[^])*'/y },
  { kind: "string", shape: /'(?:[^']|'')*'/y },
  { kind: "name", shape: /"(?:[^"]|"")*"/y },
  { kind: "word", shape: /[\p{L}_][\p{L}\p{N}_$]*/uy },
  { kind: "other", shape: /[^]/y },
];

/** @throws an ordinary error when a quote is not closed: the rest would be taken for something else than it is */
export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = [];
  let words: Word[] = [];
  let begin = 0;
  for (let at = 0; at < sql.length;) {
    const space = matchAt(SPACE, sql, at) ?? (words.length === 0 ? matchAt(COMMAND, sql, at) : undefined);
    if (space !== undefined) {
      at += space.length;
      if (words.length === 0) begin = at;
      continue;
    }
    const { kind, found } = tokenAt(sql, at);
    at += found.length;
    if (found === ";") {
      if (words.length > 0) statements.push({ text: sql.slice(begin, at - 1), words });
      words = [];
      begin = at;
      continue;
    }
    words.push({ kind, text: meaning(kind, found), at: at - found.length - begin, end: at - begin });
  }
  if (words.length > 0) throw new Error(`the last statement has no end: ${sql.slice(begin, begin + 80)}`);
  return statements;
}

/** Whether the statement begins with these bare words. */
export function beginsWith({ words }: Statement, ...heads: readonly string[]): boolean {
  return heads.every((head, n) => isWord(words[n], head));
}

/** The first name after a sequence of bare words; `undefined` when it is not there. */
export function nameAfter({ words }: Statement, ...heads: readonly string[]): Word | undefined {
  const index = words.findIndex((_, n) => heads.every((head, k) => isWord(words[n + k], head)));
  const found = index < 0 ? undefined : words[index + heads.length];
  return found?.kind === "word" || found?.kind === "name" ? found : undefined;
}

/** What a name means: bare ones are in small letters. */
export function nameOf(word: Word): string {
  return word.kind === "word" ? word.text.toLowerCase() : word.text;
}

function isWord(word: Word | undefined, text: string): boolean {
  return word?.kind === "word" && word.text === text;
}

function tokenAt(sql: string, at: number): { kind: Word["kind"]; found: string } {
  for (const { kind, shape } of TOKENS) {
    const found = matchAt(shape, sql, at);
    if (found === undefined) continue;
    if (found === "'" || found === '"') throw new Error(`a quote is not closed: ${sql.slice(at, at + 80)}`);
    return { kind, found };
  }
  throw new Error("nothing matches");
}

function matchAt(shape: RegExp, text: string, at: number): string | undefined {
  shape.lastIndex = at;
  return shape.exec(text)?.[0];
}

function meaning(kind: Word["kind"], found: string): string {
  if (kind === "word") return found.toUpperCase();
  if (kind === "name") return found.slice(1, -1).replaceAll('""', '"');
  return found;
}
