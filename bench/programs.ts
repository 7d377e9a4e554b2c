/** The programs under measurement, each told to do the same work. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "./measure.ts";

export interface Program {
  readonly name: string;
  readonly version: string;
  init(repository: string): Command;
  backup(repository: string, source: string): Command;
  restore(repository: string, target: string): Command;
  checkData(repository: string): Command;
}

/** A program that works on repositories of restic's format, and so on the very same ones. */
export interface RepositoryProgram extends Program {
  /** A search of all snapshots; what it finds is not kept. */
  find(repository: string, ...args: string[]): Command;
  prune(repository: string): Command;
  /** Makes a repository that cuts files as another does. */
  initLike(repository: string, other: string): Command;
  copy(repository: string, from: string): Command;
}

const PASSWORD = "bench";
const entry = fileURLToPath(new URL("../packages/cli/bin/holdfast.cjs", import.meta.url));

/** The password of all repositories that are made. */
export const BENCH_PASSWORD = PASSWORD;

export function holdfast(): RepositoryProgram {
  const run = (repository: string, ...args: string[]): Command => ({
    program: process.execPath,
    args: [entry, "-r", repository, "--no-cache", "--quiet", ...args],
    env: { HOLDFAST_PASSWORD: PASSWORD, HOLDFAST_FROM_PASSWORD: PASSWORD },
  });
  return {
    name: "holdfast",
    version: firstLine(process.execPath, [entry, "--version"]),
    ...resticCommands(run),
    init: (repository) => run(repository, "init"),
  };
}

export function restic(): RepositoryProgram | undefined {
  const run = (repository: string, ...args: string[]): Command => ({
    program: "restic",
    args: ["-r", repository, "--no-cache", "--quiet", ...args],
    env: { RESTIC_PASSWORD: PASSWORD, RESTIC_FROM_PASSWORD: PASSWORD },
  });
  return installed("restic", ["version"], (version) => ({
    name: "restic",
    version,
    ...resticCommands(run),
    init: (repository) => run(repository, "init", "--repository-version", "2"),
  }));
}

/** What both are told with the same words. */
function resticCommands(
  run: (repository: string, ...args: string[]) => Command,
): Omit<RepositoryProgram, "name" | "version" | "init"> {
  return {
    backup: (repository, source) => ({ ...run(repository, "backup", "."), cwd: source }),
    restore: (repository, target) => run(repository, "restore", "latest", "--target", target),
    checkData: (repository) => run(repository, "check", "--read-data"),
    find: (repository, ...args) => ({ ...run(repository, "find", ...args), discardOutput: true }),
    prune: (repository) => run(repository, "prune"),
    initLike: (repository, other) =>
      run(repository, "init", "--repository-version", "2", "--from-repo", other, "--copy-chunker-params"),
    copy: (repository, from) => run(repository, "copy", "--from-repo", from),
  };
}

export function borg(): Program | undefined {
  const run = (cwd: string | undefined, ...args: string[]): Command => ({
    program: "borg",
    args,
    env: {
      BORG_PASSPHRASE: PASSWORD,
      BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    },
    ...(cwd === undefined ? {} : { cwd }),
  });
  let runs = 0;
  return installed("borg", ["--version"], (version) => ({
    name: "borg",
    version,
    init: (repository) => run(undefined, "init", "--encryption", "repokey-blake2", repository),
    backup: (repository, source) =>
      run(source, "create", "--compression", "zstd,3", `${repository}::run-${++runs}`, "."),
    restore: (repository, target) => run(target, "extract", `${repository}::run-${runs}`),
    checkData: (repository) => run(undefined, "check", "--verify-data", repository),
  }));
}

/** What `make` gives, unless the program is not there; then that is said. */
export function installed<T>(program: string, args: string[], make: (version: string) => T): T | undefined {
  try {
    return make(firstLine(program, args));
  } catch {
    process.stderr.write(`${program} is not installed and is left out\n`);
    return undefined;
  }
}

function firstLine(program: string, args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8" }).split("\n")[0] as string;
}
