/** The progress of looking at locks and extending them. */
import type { ExtendPhase } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatCount, formatDuration, timeLeft } from "../output/units.ts";

export interface LockProgress {
  readonly phase: ExtendPhase;
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

/** What it is at, and what `done` counts. */
const PHASES: Readonly<Record<ExtendPhase, readonly [what: string, counted: string]>> = {
  index: ["reading the index", "index files"],
  packs: ["listing the packs", "packs"],
  trees: ["looking for what snapshots need", "folders"],
  locks: ["looking at locks", "files"],
};

/** @param now asked for how far it is */
export function lockProgress(now: () => LockProgress): ProgressView {
  const startedMs = performance.now();
  let rate = new Rate();
  let progress = now();
  let elapsedMs = 0;
  const line = (): string => {
    const { phase, done, total } = progress;
    const [what, counted] = PHASES[phase];
    const head = `[${formatDuration(elapsedMs)}] ${what}`;
    if (total === 0) return done === 0 ? head : `${head}: ${formatCount(done)} ${counted}`;
    const counts = `${formatCount(done)} of ${formatCount(total)} ${counted}`;
    return `${head}: ${[counts, ...timeLeft(rate.remainingMs(total - done))].join(", ")}`;
  };
  return {
    update: (nowMs) => {
      const next = now();
      if (next.phase !== progress.phase) rate = new Rate();
      progress = next;
      elapsedMs = nowMs - startedMs;
      rate.add(next.done, nowMs);
    },
    block: () => [line()],
    line,
    json: () => ({
      message_type: "status",
      phase: progress.phase,
      seconds_elapsed: Math.floor(elapsedMs / 1000),
      percent_done: progress.total === 0 ? 0 : progress.done / progress.total,
      done: progress.done,
      total: progress.total,
    }),
  };
}
