/**
 * Compares Holdfast with other programs in one run: `npm run bench` (see CONTRIBUTING.md). Everything lies in memory
 * (/dev/shm, or BENCH_DIR), every work is done by all programs in turn, and the table shows medians and ratios.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Corpus, documentTree, randomFile, smallFiles, systemTree } from "./corpora.ts";
import { corpusRows } from "./corpus-suite.ts";
import { dumpRows } from "./dump-suite.ts";
import { HISTORY_WORKS, historyRows } from "./history-suite.ts";
import { indexRows } from "./index-suite.ts";
import { borg, holdfast, type Program, type RepositoryProgram, restic } from "./programs.ts";
import { PLACE_NAMES, placeRows } from "./places/places-suite.ts";
import { PLACES, type Row, writeReport, writeSection } from "./report.ts";
import { serverSection } from "./server-suite.ts";

const WORKS = ["random", "tree", "small", ...HISTORY_WORKS, "index", "dump", "server", "places"] as const;
const DELAYS = ["0", "30", "100"];

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    only: { type: "string", multiple: true },
    "random-mib": { type: "string", default: "2048" },
    "dump-mib": { type: "string", default: "2048" },
    "small-files": { type: "string", default: "100000" },
    "index-millions": { type: "string", multiple: true, default: ["1", "10"] },
    place: { type: "string", multiple: true, default: [...PLACE_NAMES] },
    delay: { type: "string", multiple: true, default: DELAYS },
    "places-corpus": { type: "string" },
    documents: { type: "string", default: "20000" },
    "limit-seconds": { type: "string", default: "60" },
    without: { type: "string", multiple: true, default: [] },
    report: { type: "string" },
    note: { type: "string" },
    clients: { type: "string", multiple: true, default: ["1", "8", "50"] },
    tls: { type: "boolean", default: false },
  },
});
for (const name of values.only ?? []) {
  if (!(WORKS as readonly string[]).includes(name)) throw new Error(`--only takes ${WORKS.join(", ")}, not '${name}'`);
}
for (const name of values.place) {
  if (!PLACE_NAMES.includes(name)) throw new Error(`--place takes ${PLACE_NAMES.join(", ")}, not '${name}'`);
}
for (const delay of values.delay) {
  if (!/^\d{1,4}$/.test(delay)) throw new Error(`--delay takes whole milliseconds up to 9999, not '${delay}'`);
}
const placesCorpus = values["places-corpus"];
if (placesCorpus !== undefined && placesCorpus !== "tree" && placesCorpus !== "documents") {
  throw new Error(`--places-corpus takes tree or documents, not '${placesCorpus}'`);
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
const interrupted = new AbortController();
let isServing = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Servers are ended first, where there are any.
  process.once(signal, () => (isServing ? interrupted.abort() : process.exit(130)));
}

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
if (wanted("dump")) {
  const mebibytes = Number(values["dump-mib"]);
  const dump = await dumpRows({ mebibytes, programs: repositoryPrograms, runs, folder });
  corpora.push(dump.corpus);
  rows.push(...dump.rows);
}
let places: Awaited<ReturnType<typeof placeRows>> | undefined;
if (wanted("places")) {
  const made = new Map<string, Corpus>();
  const corpusFor = (delayMs: number): Corpus => {
    const name = placesCorpus ?? (delayMs === 0 ? "tree" : "documents");
    const corpus =
      made.get(name) ?? (name === "tree" ? systemTree(folder) : documentTree(folder, Number(values.documents)));
    made.set(name, corpus);
    return corpus;
  };
  const { signal } = interrupted;
  const setting = { places: values.place, delays: values.delay.map(Number), without: values.without };
  const limitSeconds = Number(values["limit-seconds"]);
  isServing = true;
  places = await placeRows({ ...setting, corpusFor, runs, folder, signal, limitSeconds }).catch((error: unknown) => {
    if (signal.aborted) process.exit(130);
    throw error;
  });
  isServing = false;
  places.notes.unshift(...made.values());
}
const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
const note = values.note === undefined ? "" : `, ${values.note}`;
const how = `${runs} ${runs === 1 ? "run" : "runs"}, ${machine}, ${new Date().toISOString().slice(0, 10)}${note}`;
const existing =
  values.report !== undefined && existsSync(values.report) ? readFileSync(values.report, "utf8") : undefined;
// A bench of servers or of places alone says nothing about the other programs.
let text = rows.length > 0 ? writeReport(existing, { how, corpora, programs, rows }) : existing;
if (places !== undefined) {
  text = writeReport(text, { how, corpora: places.notes, programs: repositoryPrograms, rows: places.rows }, PLACES);
}
if (wanted("server")) {
  const setting = { runs, folder, how, clients: values.clients.map(Number), overTls: values.tls };
  const name = values.tls ? "servers-tls" : "servers";
  text = writeSection(text ?? "", name, await serverSection(setting));
}
if (values.report === undefined || text === undefined) process.stdout.write(text ?? "");
else writeFileSync(values.report, text);
