/** Starts backups and ends them at chosen moments; counts in which phase each was hit. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { VictimOrder } from "./victim.ts";

const victim = fileURLToPath(new URL("./victim.ts", import.meta.url));

export type Phase = "starting" | "locking" | "index" | "saving" | "finishing" | "done" | "unlocked";

/** When to send the signal: this long after the run has entered a phase. */
export interface Moment {
  readonly after: Phase;
  readonly delayMs: number;
}

export interface Ended {
  /** The signal that ended the process; `null` when it was faster. */
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  /** The last phase that it told. */
  readonly phase: Phase;
  /** Between the signal that was sent and the end. */
  readonly dyingMs: number;
  /** From the start of the work to the end. */
  readonly workMs: number;
  readonly stderr: string;
}

/** Runs one backup; with a moment it gets `signal` then. */
export async function runVictim(
  order: VictimOrder,
  moment?: Moment,
  signal: NodeJS.Signals = "SIGKILL",
): Promise<Ended> {
  const child: ChildProcess = spawn(process.execPath, [victim, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let phase: Phase = "starting";
  let stderr = "";
  let sentAt = Number.NaN;
  let workingSince = performance.now();
  const arm = (): void => {
    if (moment?.after !== phase) return;
    setTimeout(() => {
      sentAt = performance.now();
      child.kill(signal);
    }, moment.delayMs);
  };
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  if (child.stdout !== null) {
    createInterface(child.stdout).on("line", (line) => {
      phase = line as Phase;
      if (phase === "index") workingSince = performance.now();
      arm();
    });
  }
  arm();
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, endedBy) => {
      const now = performance.now();
      resolve({ signal: endedBy, code, phase, dyingMs: now - sentAt, workMs: now - workingSince, stderr });
    });
  });
}

/** Says how often each phase was hit. */
export class Tally {
  readonly #hits = new Map<Phase, number>();
  #finished = 0;

  get total(): number {
    return [...this.#hits.values()].reduce((sum, n) => sum + n, 0);
  }

  add(phase: Phase): void {
    this.#hits.set(phase, (this.#hits.get(phase) ?? 0) + 1);
  }

  /** A run that was faster than the signal. */
  addFinished(): void {
    this.#finished++;
  }

  of(phase: Phase): number {
    return this.#hits.get(phase) ?? 0;
  }

  toString(): string {
    const hits = [...this.#hits].map(([phase, count]) => `${phase} ${count}`).join(", ");
    return `${this.total} (${hits}); ${this.#finished} finished before`;
  }
}
