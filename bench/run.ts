/**
 * Compares Holdfast with other programs in one run: `npm run bench` (see CONTRIBUTING.md). Everything lies in memory
 * (/dev/shm, or BENCH_DIR), every work is done by all programs in turn, and the table shows medians and ratios.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomFile, smallFiles, systemTree, type Corpus } from "./corpora.ts";
import { measure, median, type Measurement } from "./measure.ts";
import { borg, holdfast, restic, type Program } from "./programs.ts";
import { writeReport, type Row } from "./report.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    only: { type: "string", multiple: true },
    "random-mib": { type: "string", default: "2048" },
    "small-files": { type: "string", default: "100000" },
    without: { type: "string", multiple: true, default: [] },
    report: { type: "string" },
  },
});
const runs = Number(values.runs);
const base = process.env["BENCH_DIR"] ?? (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
const folder = mkdtempSync(join(base, "holdfast-bench-"));
const wanted = (name: string): boolean => values.only === undefined || values.only.includes(name);
const programs = [holdfast(), restic(), borg()].filter(
  (program): program is Program => program !== undefined && !values.without.includes(program.name),
);
const rows: Row[] = [];

/** First backup, second backup, restore and check of one corpus. Programs take turns, so that a slow minute hits all. */
async function compare(corpus: Corpus): Promise<void> {
  const samples = new Map<string, Measurement[]>();
  const stored = new Map<string, number>();
  const note = (program: Program, work: string, sample: Measurement): void => {
    const key = `${program.name}\0${work}`;
    samples.set(key, [...(samples.get(key) ?? []), sample]);
    process.stderr.write(
      `${corpus.name}, ${work}: ${program.name} ${sample.seconds.toFixed(2)} s, ${Math.round(sample.peakMiB)} MiB\n`,
    );
  };
  for (let n = 0; n < runs; n++) {
    for (const program of programs) {
      const repository = join(folder, "repository");
      const target = join(folder, "target");
      mkdirSync(target);
      await measure(program.init(repository));
      note(program, "first backup", await measure(program.backup(repository, corpus.path)));
      stored.set(program.name, sizeMiB(repository));
      note(program, "second backup", await measure(program.backup(repository, corpus.path)));
      note(program, "restore", await measure(program.restore(repository, target)));
      note(program, "check, all data read", await measure(program.checkData(repository)));
      rmSync(repository, { recursive: true });
      rmSync(target, { recursive: true });
    }
  }
  for (const work of ["first backup", "second backup", "restore", "check, all data read"]) {
    const cells = programs.map((program) => {
      const all = samples.get(`${program.name}\0${work}`) ?? [];
      return {
        program: program.name,
        seconds: median(all.map(({ seconds }) => seconds)),
        peakMiB: Math.max(...all.map(({ peakMiB }) => peakMiB)),
      };
    });
    rows.push({ corpus: corpus.name, work, cells });
  }
  rows.push({
    corpus: corpus.name,
    work: "stored size",
    sizes: programs.map(({ name }) => ({ program: name, mebibytes: stored.get(name) ?? 0 })),
  });
}

function sizeMiB(path: string): number {
  return Number(execFileSync("du", ["-sk", "--apparent-size", path], { encoding: "utf8" }).split("\t")[0]) / 1024;
}

const corpora: Corpus[] = [];
try {
  const makers: [string, () => Corpus][] = [
    ["random", () => randomFile(folder, Number(values["random-mib"]))],
    ["tree", () => systemTree(folder)],
    ["small", () => smallFiles(folder, Number(values["small-files"]))],
  ];
  for (const [name, make] of makers) {
    if (!wanted(name)) continue;
    const corpus = make();
    corpora.push(corpus);
    await compare(corpus);
    rmSync(corpus.path, { recursive: true });
  }
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const text = writeReport({ machine, runs, corpora, programs, rows });
  if (values.report === undefined) process.stdout.write(text);
  else (await import("node:fs")).writeFileSync(values.report, text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
