/** Real servers for tests: programs on a free port of this machine, with files in a temporary folder. */
import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A server that runs. */
export interface RunningServer {
  readonly port: number;
  /** Of this server alone; goes with it. */
  readonly folder: string;
  stop(): Promise<void>;
}

export interface ServerProgram {
  readonly program: string;
  readonly args: (place: { port: number; folder: string }) => readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Makes files before the start. */
  readonly prepare?: (place: { port: number; folder: string }) => Promise<void>;
  /** Where to ask until it answers, whatever it answers. Default: `/` over HTTP. */
  readonly readyUrl?: (port: number) => string;
}

/** A machine on which much else runs takes its time. */
const READY_MS = 60_000;

/** True when a program is in the PATH. */
export function hasProgram(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}

/** A port that nobody uses at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Starts a server and waits until it answers. It gets no pipe of ours, so that it cannot keep anybody waiting. */
export async function startServer({ program, args, env, prepare, readyUrl }: ServerProgram): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-server-"));
  const port = await freePort();
  await prepare?.({ port, folder });
  const log = join(folder, "server.log");
  const fd = openSync(log, "a");
  const child = spawn(program, args({ port, folder }), {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", fd, fd],
  });
  closeSync(fd);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(force);
    await rm(folder, { recursive: true, force: true });
  };
  const url = readyUrl?.(port) ?? `http://127.0.0.1:${port}/`;
  const deadline = Date.now() + READY_MS;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const text = readFileSync(log, "utf8");
      await stop();
      throw new Error(`${program} does not serve:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { port, folder, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
