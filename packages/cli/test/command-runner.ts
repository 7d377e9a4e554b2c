/** Runs the command line, and other programs, in processes of their own, with an environment that holds nothing by chance. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

/** What runs remember from one to the next: nothing of that goes into the home of whoever tests. */
const STATE = mkdtempSync(join(tmpdir(), "holdfast-cli-state-"));
afterAll(() => rm(STATE, { recursive: true, force: true }));

/** As it was built, which `npm test` does before: that is what people run, and it starts three times as fast as the source. */
const ENTRY = fileURLToPath(new URL("../bin/holdfast.cjs", import.meta.url));

export interface Ended {
  /** 128 plus the number of the signal that ended it, as shells have it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface RunOptions {
  readonly variables?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The program and the arguments that start the command line. */
export const HOLDFAST = [process.execPath, ENTRY] as const;

/** Starts the command line. */
export function startHoldfast(argv: readonly string[], options: RunOptions = {}): ChildProcess {
  const [node, ...first] = HOLDFAST;
  return start(node, [...first, ...argv], options);
}

/** Runs the command line to its end. */
export function holdfast(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return ended(startHoldfast(argv, options));
}

/** A repository server that was started. */
export interface RunningServer {
  /** With a slash at its end. */
  readonly url: string;
  /** Asks it to end, and waits. @returns its exit code */
  stop(): Promise<number>;
  /** Ends it as a crash would. */
  kill(): void;
  readonly child: ChildProcess;
}

/** Starts `serve repository` on a free port of this machine; resolves when it listens. */
export async function startServer(argv: readonly string[]): Promise<RunningServer> {
  const child = startHoldfast(["serve", "repository", ...argv, "--listen", "127.0.0.1:0", "--json"]);
  const outcome = ended(child);
  const line = await Promise.race([
    new Promise<string>((resolve) => child.stdout?.once("data", (text: Buffer) => resolve(text.toString()))),
    outcome.then(({ stderr }) => Promise.reject(new Error(stderr))),
  ]);
  const { url } = JSON.parse(line) as { url: string };
  const stop = async (): Promise<number> => {
    child.kill("SIGTERM");
    return (await outcome).code;
  };
  return { url, stop, kill: () => void child.kill("SIGKILL"), child };
}

/** What a client of a server is told, to use the repository `den`. Its token is in a variable, and not in the list of processes. */
export function clientVariables(
  server: Pick<RunningServer, "url">,
  client: string,
  { token, cache }: { token: string | undefined; cache: string },
): Record<string, string> {
  return {
    HOLDFAST_REPOSITORY: `rest:${server.url}den/`,
    HOLDFAST_REST_USERNAME: client,
    HOLDFAST_REST_PASSWORD: token ?? "",
    HOLDFAST_PASSWORD: "correct horse",
    XDG_CACHE_HOME: cache,
  };
}

/** Makes the repository that the variables name. */
export async function makeRepository(variables: Readonly<Record<string, string>>): Promise<void> {
  const { code, stderr } = await holdfast(["init", "-q"], { variables });
  if (code !== 0) throw new Error(`init failed: ${stderr}`);
}

/** Runs another program to its end. */
export function program(name: string, argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return ended(start(name, argv, options));
}

/** Whether a program is installed. */
export function isInstalled(name: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", name]).status === 0;
}

/** Waits for a process, and collects what it prints. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  const bytes = Buffer.concat(out);
  return {
    code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
    stdout: bytes.toString("utf8"),
    stderr: Buffer.concat(err).toString("utf8"),
    bytes,
  };
}

/** Fills as the stream is read; a stream that is destroyed just ends. */
function collect(stream: ChildProcess["stdout"]): Buffer[] {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

function start(name: string, argv: readonly string[], { variables = {}, input, cwd }: RunOptions): ChildProcess {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, XDG_STATE_HOME: STATE, TZ: "UTC", LC_ALL: "C.UTF-8", ...variables };
  const child = spawn(name, argv, { env, cwd, stdio: ["pipe", "pipe", "pipe"] });
  // A program that does not read its input may be gone before all is written.
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  return child;
}
