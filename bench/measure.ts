/** Runs a command and measures it: wall time, processor time, and the highest resident size of the process. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measurement {
  readonly seconds: number;
  /** What it used of all cores, user and system. */
  readonly cpuSeconds: number;
  /** Highest resident set, MiB. */
  readonly peakMiB: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Its output is a result that nobody reads, and goes nowhere; only its errors are kept. */
  readonly discardOutput?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

const POLL_MS = 10;
/** Of the kernel's clock for processor times; the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Throws with the command's own output when it fails; once it has ended, also when the signal ends it. */
export async function measure(command: Command): Promise<Measurement> {
  const { program, args, env, cwd, signal, discardOutput = false } = command;
  const started = process.hrtime.bigint();
  const child = spawn(program, args, {
    cwd,
    signal,
    // restic takes its lock away on this one only.
    killSignal: "SIGINT",
    env: { ...process.env, ...env },
    stdio: ["ignore", discardOutput ? "ignore" : "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  let peakMiB = 0;
  let cpuSeconds = 0;
  const poll = setInterval(() => {
    peakMiB = Math.max(peakMiB, highWaterMiB(child.pid));
    cpuSeconds = Math.max(cpuSeconds, processorSeconds(child.pid));
  }, POLL_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      let failure: Error | undefined;
      child.on("error", (error) => {
        // One that is being ended has its lock to take away.
        if (child.pid === undefined) reject(error);
        failure = error;
      });
      child.on("exit", () => failure !== undefined && reject(failure));
      child.on("close", resolve);
    });
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    if (code !== 0) throw new Error(`${program} ${args.join(" ")}: exit code ${code}\n${output}`);
    return { seconds, cpuSeconds, peakMiB };
  } finally {
    clearInterval(poll);
  }
}

/** The highest resident size of a process so far, MiB: the kernel's own mark, so that a poll now and then is enough. */
export function highWaterMiB(pid: number | undefined): number {
  const kib = /VmHWM:\s+(\d+)/.exec(ofProcess(pid, "status"))?.[1];
  return kib === undefined ? 0 : Number(kib) / 1024;
}

/** User and system time of all threads of a process up to now; 0 once it has ended. */
export function processorSeconds(pid: number | undefined): number {
  // Behind the name of the program, which may hold anything: 11 fields, then user and system time.
  const fields = ofProcess(pid, "stat").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Empty when the process has ended between two polls. */
function ofProcess(pid: number | undefined, name: "status" | "stat"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

/** The middle of an odd number of values, the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
