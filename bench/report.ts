/**
 * Writes the measurements as Markdown. A report that exists keeps what was not measured anew: its rows, what it says of other
 * programs and corpora, and all text outside of the marks.
 */
import type { Corpus } from "./corpora.ts";
import type { Program } from "./programs.ts";

/** One work on one corpus. */
export interface Row {
  readonly corpus: string;
  readonly work: string;
  /** What each program took, by its name. */
  readonly cells: ReadonlyMap<string, string>;
  /** How two programs compare, by their names. */
  ratio(own: string, other: string): string;
}

const OWN = "holdfast";
const NOTHING = "–";

/** One of the tables of a report, between marks of its own. */
export interface Table {
  readonly mark: string;
  /** What Holdfast is compared with. */
  readonly others: readonly string[];
}

/** Works on a repository of this machine. */
const HERE: Table = { mark: "measured", others: ["restic", "borg"] };
/** The same on other places, over links. */
export const PLACES: Table = { mark: "places", others: ["restic"] };

const INTRODUCTION = `# Benchmarks

Made by \`npm run bench\` (see CONTRIBUTING.md). Source, repository and target lie in memory (tmpfs), the page cache is warm, and the programs take
turns. Times are medians of the runs, and ratios the other program's time divided by Holdfast's: above 1, Holdfast is faster. Memory is the highest
resident size of the process.
`;

export interface Measured {
  /** The machine, the number of runs and the day, in one line. */
  readonly how: string;
  readonly corpora: readonly Corpus[];
  readonly programs: readonly Program[];
  readonly rows: readonly Row[];
}

/** @param existing the report as it is; `undefined` when there is none */
export function writeReport(existing: string | undefined, measured: Measured, table: Table = HERE): string {
  const [begin, end] = marksOf(table);
  const { before, notes, rows, after } = takeApart(existing ?? `${INTRODUCTION}\n${begin}\n${end}\n`, table);
  const columns = ["corpus", "work", OWN, ...table.others, ...table.others.map((name) => `vs ${name}`), "measured"];
  for (const { name, version } of measured.programs) notes.set(name, version);
  for (const { name, description } of measured.corpora) notes.set(name, description);
  for (const row of measured.rows) rows.set(`${row.corpus}|${row.work}`, lineOf(row, measured.how, table));
  const lines = [
    begin,
    "",
    ...[...notes].map(([name, text]) => `- ${name}: ${text}`),
    "",
    `| ${columns.join(" | ")} |`,
    `|${columns.map(() => "---|").join("")}`,
    ...rows.values(),
    "",
    end,
  ];
  return `${before}${lines.join("\n")}${after}`;
}

/** Puts `section` between the marks with this name; behind all else when there are none yet. */
export function writeSection(text: string, name: string, section: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const marked = `${begin}\n\n${section}\n\n${end}`;
  if (from < 0 || to < from) return `${text}\n${marked}\n`;
  return `${text.slice(0, from)}${marked}${text.slice(to + end.length)}`;
}

function marksOf({ mark }: Table): [begin: string, end: string] {
  return [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`];
}

function lineOf({ corpus, work, cells, ratio }: Row, how: string, { others }: Table): string {
  const times = [OWN, ...others].map((name) => cells.get(name) ?? NOTHING);
  const ratios = others.map((name) => (cells.has(name) && cells.has(OWN) ? ratio(OWN, name) : NOTHING));
  return `| ${[corpus, work, ...times, ...ratios, how].join(" | ")} |`;
}

/** The parts of a report. Rows and notes keep their order. */
function takeApart(
  text: string,
  table: Table,
): {
  before: string;
  notes: Map<string, string>;
  rows: Map<string, string>;
  after: string;
} {
  const [first, last] = marksOf(table);
  const [begin, end] = [text.indexOf(first), text.indexOf(last)];
  if (begin < 0 || end < begin) throw new Error(`the report has no '${first}' with '${last}' behind it`);
  const lines = text.slice(begin, end).split("\n");
  const notes = new Map<string, string>();
  for (const line of lines) {
    const [, name, note] = /^- ([^:]+): (.*)$/.exec(line) ?? [];
    if (name !== undefined && note !== undefined) notes.set(name, note);
  }
  const rows = new Map<string, string>();
  for (const line of lines.filter((each) => each.startsWith("| ")).slice(1)) {
    const [corpus = "", work = ""] = line.slice(2).split(" | ");
    rows.set(`${corpus}|${work}`, line);
  }
  return { before: text.slice(0, begin), notes, rows, after: text.slice(end + last.length) };
}
