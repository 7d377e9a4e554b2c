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

/** What it takes to reach a repository besides its address. */
export interface Access {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What stands before the command, such as what runs it in another network namespace. */
  readonly through?: readonly string[];
}

const PASSWORD = "bench";

/** The program under measurement, as it was built. */
export const HOLDFAST_ENTRY = fileURLToPath(new URL("../packages/cli/bin/holdfast.cjs", import.meta.url));

/** The password of all repositories that are made. */
export const BENCH_PASSWORD = PASSWORD;

export function holdfast(access: Access = {}): RepositoryProgram {
  const run = (repository: string, ...args: string[]): Command => {
    const all = [HOLDFAST_ENTRY, "-r", repository, "--no-cache", "--quiet", ...(access.args ?? []), ...args];
    const env = { HOLDFAST_PASSWORD: PASSWORD, HOLDFAST_FROM_PASSWORD: PASSWORD };
    return commandBy(access, process.execPath, all, env);
  };
  return {
    name: "holdfast",
    version: firstLine(process.execPath, [HOLDFAST_ENTRY, "--version"]),
    ...resticCommands(run),
    init: (repository) => run(repository, "init"),
  };
}

export function restic(access: Access = {}): RepositoryProgram | undefined {
  const run = (repository: string, ...args: string[]): Command => {
    const all = ["-r", repository, "--no-cache", "--quiet", ...(access.args ?? []), ...args];
    return commandBy(access, "restic", all, { RESTIC_PASSWORD: PASSWORD, RESTIC_FROM_PASSWORD: PASSWORD });
  };
  return installed("restic", ["version"], (version) => ({
    name: "restic",
    version,
    ...resticCommands(run),
    init: (repository) => run(repository, "init", "--repository-version", "2"),
  }));
}

function commandBy(access: Access, program: string, args: string[], env: Record<string, string>): Command {
  const [first = program, ...others] = [...(access.through ?? []), program, ...args];
  return { program: first, args: others, env: { ...env, ...access.env } };
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
