/**
 * Compares Holdfast with other programs in one run: `npm run bench` (see CONTRIBUTING.md). Everything lies in memory
 * (/dev/shm, or BENCH_DIR), every work is done by all programs in turn, and the table shows medians and ratios.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Corpus, randomFile, smallFiles, systemTree } from "./corpora.ts";
import { corpusRows } from "./corpus-suite.ts";
import { HISTORY_WORKS, historyRows } from "./history-suite.ts";
import { indexRows } from "./index-suite.ts";
import { borg, holdfast, type Program, type RepositoryProgram, restic } from "./programs.ts";
import { type Row, writeReport, writeSection } from "./report.ts";
import { serverSection } from "./server-suite.ts";

const WORKS = ["random", "tree", "small", ...HISTORY_WORKS, "index", "server"] as const;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    only: { type: "string", multiple: true },
    "random-mib": { type: "string", default: "2048" },
    "small-files": { type: "string", default: "100000" },
    "index-millions": { type: "string", multiple: true, default: ["1", "10"] },
    without: { type: "string", multiple: true, default: [] },
    report: { type: "string" },
    note: { type: "string" },
  },
});
for (const name of values.only ?? []) {
  if (!(WORKS as readonly string[]).includes(name)) throw new Error(`--only takes ${WORKS.join(", ")}, not '${name}'`);
}
const runs = Number(values.runs);
const base = process.env["BENCH_DIR"] ?? (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
const folder = mkdtempSync(join(base, "holdfast-bench-"));
const wanted = (name: string): boolean => values.only === undefined || values.only.includes(name);
const isWanted = <P extends Program>(program: P | undefined): program is P =>
  program !== undefined && !values.without.includes(program.name);
const repositoryPrograms: RepositoryProgram[] = [holdfast(), restic()].filter(isWanted);
const programs: Program[] = [...repositoryPrograms, borg()].filter(isWanted);
const rows: Row[] = [];
const corpora: Corpus[] = [];
// Without it, an interruption would leave gigabytes in memory.
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const makers: [string, () => Corpus][] = [
  ["random", () => randomFile(folder, Number(values["random-mib"]))],
  ["tree", () => systemTree(folder)],
  ["small", () => smallFiles(folder, Number(values["small-files"]))],
];
for (const [name, make] of makers) {
  if (!wanted(name)) continue;
  const corpus = make();
  corpora.push(corpus);
  rows.push(...(await corpusRows(corpus, { programs, runs, folder })));
  rmSync(corpus.path, { recursive: true });
}
const works = HISTORY_WORKS.filter(wanted);
if (works.length > 0) {
  const history = await historyRows({ works, programs: repositoryPrograms, runs, folder });
  corpora.push(history.corpus);
  rows.push(...history.rows);
}
if (wanted("index")) {
  for (const millions of values["index-millions"]) {
    rows.push(...(await indexRows(Number(millions), { programs: repositoryPrograms, runs, folder })));
  }
}
const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
const note = values.note === undefined ? "" : `, ${values.note}`;
const how = `${runs} ${runs === 1 ? "run" : "runs"}, ${machine}, ${new Date().toISOString().slice(0, 10)}${note}`;
const existing =
  values.report !== undefined && existsSync(values.report) ? readFileSync(values.report, "utf8") : undefined;
// A bench of servers alone says nothing about the other programs.
const measured = rows.length > 0 ? writeReport(existing, { how, corpora, programs, rows }) : (existing ?? "");
const text = wanted("server")
  ? writeSection(measured, "servers", await serverSection({ runs, folder, how }))
  : measured;
if (values.report === undefined) process.stdout.write(text);
else writeFileSync(values.report, text);
