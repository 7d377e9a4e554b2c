/** First backup, second backup, restore and check of one corpus. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpora.ts";
import { measure } from "./measure.ts";
import type { Program } from "./programs.ts";
import type { Row } from "./report.ts";
import { Turns } from "./turns.ts";

export async function corpusRows(
  corpus: Corpus,
  { programs, runs, folder }: { programs: readonly Program[]; runs: number; folder: string },
): Promise<Row[]> {
  const turns = new Turns(corpus.name);
  const stored = new Map<string, number>();
  const [repository, target] = [join(folder, "repository"), join(folder, "target")];
  for (let n = 0; n < runs; n++) {
    for (const program of programs) {
      mkdirSync(target);
      await measure(program.init(repository));
      turns.note(program, "first backup", await measure(program.backup(repository, corpus.path)));
      stored.set(program.name, sizeMiB(repository));
      turns.note(program, "second backup", await measure(program.backup(repository, corpus.path)));
      turns.note(program, "restore", await measure(program.restore(repository, target)));
      turns.note(program, "check, all data read", await measure(program.checkData(repository)));
      rmSync(repository, { recursive: true });
      rmSync(target, { recursive: true });
    }
  }
  return [...turns.rows(), sizeRow(corpus.name, stored)];
}

/** For sizes the ratio is Holdfast's size divided by the other's: below 1, Holdfast stores less. */
function sizeRow(corpus: string, stored: ReadonlyMap<string, number>): Row {
  return {
    corpus,
    work: "stored size",
    cells: new Map([...stored].map(([program, mebibytes]) => [program, `${mebibytes.toFixed(1)} MiB`])),
    ratio: (own, other) => `size ${((stored.get(own) ?? Number.NaN) / (stored.get(other) ?? Number.NaN)).toFixed(3)}`,
  };
}

function sizeMiB(path: string): number {
  return Number(execFileSync("du", ["-sk", "--apparent-size", path], { encoding: "utf8" }).split("\t")[0]) / 1024;
}
