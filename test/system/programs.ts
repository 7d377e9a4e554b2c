/** Runs Holdfast and the programs that it is compared with, as a user's shell would. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("../../packages/cli/bin/holdfast.cjs", import.meta.url));

/** What runs remember from one to the next: nothing of that goes into the home of whoever tests. */
const STATE = mkdtempSync(join(tmpdir(), "holdfast-system-state-"));
process.on("exit", () => rmSync(STATE, { recursive: true, force: true }));

export const PASSWORD = "correct horse";

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
}

/** True when a program is installed; tests that need it are skipped otherwise, and `npm test` names it. */
export function has(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

export function run(program: string, args: readonly string[], { cwd, env, input }: RunOptions = {}): Outcome {
  const result = spawnSync(program, args, {
    cwd,
    input,
    env: environment(env),
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (result.error !== undefined) throw result.error;
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** A program that runs beside the test. */
export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

export function start(program: string, args: readonly string[], { cwd, env }: RunOptions = {}): Running {
  const child = spawn(program, args, { cwd, env: environment(env), stdio: ["pipe", "pipe", "pipe"] });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    const said = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...said }));
  });
  return { child, outcome };
}

function environment(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, XDG_STATE_HOME: STATE, HOLDFAST_PASSWORD: PASSWORD, RESTIC_PASSWORD: PASSWORD, ...env };
}

/** The command line that runs Holdfast on a repository. */
export function holdfastCommand(repository: string, args: readonly string[]): [string, string[]] {
  return [process.execPath, [entry, "-r", repository, "--no-cache", ...args]];
}

/** The command line that runs Debian's restic on a repository. */
export function resticCommand(repository: string, args: readonly string[]): [string, string[]] {
  return ["restic", ["-r", repository, "--no-cache", ...args]];
}

/** Runs Holdfast on a repository. */
export function holdfast(repository: string, args: readonly string[], options?: RunOptions): Outcome {
  return run(...holdfastCommand(repository, args), options);
}

/** Runs Debian's restic on a repository. */
export function restic(repository: string, args: readonly string[], options?: RunOptions): Outcome {
  return run(...resticCommand(repository, args), options);
}

/** The JSON that a run printed, one value a line, of the given type of message. */
export function messages(outcome: Outcome, type: string): Record<string, unknown>[] {
  return succeed(outcome)
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((message) => message["message_type"] === type);
}

/** The outcome's standard output; throws with everything that the program said when it failed. */
export function succeed({ status, stdout, stderr }: Outcome): string {
  if (status !== 0) throw new Error(`exit code ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Every difference between two folders that rsync sees: content, times, owners, modes, links, ACLs and attributes. */
export function differences(from: string, to: string): string {
  const flags = ["-aHAXn", "--checksum", "--itemize-changes", "--delete", "--devices", "--specials", "--numeric-ids"];
  return succeed(run("rsync", [...flags, `${from}/`, `${to}/`]))
    .split("\n")
    .filter((line) => line !== "")
    .join("\n");
}
