/**
 * Works on a repository with 100 snapshots: check, find, prune and copy. The repository is made once, by Holdfast; each run
 * works on it, or on a copy whose files are hard links, since no program of this format writes to a file that exists.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Corpus } from "./corpora.ts";
import { HISTORY, HistoryTree } from "./history.ts";
import { type Command, type Measurement, measure } from "./measure.ts";
import type { RepositoryProgram } from "./programs.ts";
import type { Row } from "./report.ts";
import { Turns } from "./turns.ts";

/** What can be measured with it, by the names of --only. */
export const HISTORY_WORKS = ["check", "find", "prune", "copy"] as const;

export type HistoryWork = (typeof HISTORY_WORKS)[number];

interface Setting {
  readonly works: readonly HistoryWork[];
  /** The first one makes the repository. */
  readonly programs: readonly RepositoryProgram[];
  readonly runs: number;
  readonly folder: string;
}

const SEARCHES: readonly (readonly [work: string, args: readonly string[]])[] = [
  ["find, no such name", ["no such name"]],
  ["find, one file in eight", ["*.tar.gz"]],
  ["find, one path", ["/folder 4/folder 42/folder 420/*.jpg"]],
  ["find, as JSON", ["--json", "*.tar.gz"]],
];

export async function historyRows(setting: Setting): Promise<{ corpus: Corpus; rows: Row[] }> {
  const { folder, programs, runs, works } = setting;
  const tree = new HistoryTree(join(folder, "history"));
  const repository = join(folder, "repository");
  const [maker] = programs;
  if (maker === undefined) throw new Error("there is no program to make the history with");
  await measure(maker.init(repository));
  for (let n = 0; n < HISTORY.snapshots; n++) {
    if (n > 0) tree.change();
    await measure(maker.backup(repository, tree.path));
    process.stderr.write(`history: snapshot ${n + 1} of ${HISTORY.snapshots}\n`);
  }
  rmSync(tree.path, { recursive: true });
  const name = `${HISTORY.snapshots} snapshots`;
  const turns = new Turns(name);
  for (let n = 0; n < runs; n++) {
    for (const program of programs) {
      for (const work of works) {
        for (const [title, sample] of await WORKS[work](program, repository, folder))
          turns.note(program, title, sample);
      }
    }
  }
  const description = `${HISTORY.files.toLocaleString("en")} files of 6 KiB on average, of which ${HISTORY.changes} in ${HISTORY.changedFolders} folders change from each of ${HISTORY.snapshots} snapshots to the next; the repository was made by ${maker.name}`;
  rmSync(repository, { recursive: true });
  return { corpus: { name, path: repository, description }, rows: turns.rows() };
}

type Work = (program: RepositoryProgram, repository: string, folder: string) => Promise<[string, Measurement][]>;

const WORKS: Readonly<Record<HistoryWork, Work>> = {
  check: async (program, repository) => [["check, all data read", await measure(program.checkData(repository))]],
  find: async (program, repository) => {
    const samples: [string, Measurement][] = [];
    for (const [title, args] of SEARCHES) samples.push([title, await measure(program.find(repository, ...args))]);
    return samples;
  },
  prune: async (program, repository, folder) => {
    const copy = join(folder, "to-prune");
    execFileSync("cp", ["-al", repository, copy]);
    forgetHalf(copy);
    return [["prune, half of the snapshots forgotten", await measureAndRemove(program.prune(copy), copy)]];
  },
  copy: async (program, repository, folder) => {
    const copy = join(folder, "copied");
    await measure(program.initLike(copy, repository));
    return [["copy to an empty repository", await measureAndRemove(program.copy(copy, repository), copy)]];
  },
};

async function measureAndRemove(command: Command, repository: string): Promise<Measurement> {
  const sample = await measure(command);
  rmSync(repository, { recursive: true });
  return sample;
}

/** As restic's forget does it: the files are gone. By their names, and so at random. */
function forgetHalf(repository: string): void {
  const snapshots = join(repository, "snapshots");
  const names = readdirSync(snapshots).toSorted();
  for (const name of names.slice(0, names.length / 2)) rmSync(join(snapshots, name));
}
