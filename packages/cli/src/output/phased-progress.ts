/** The progress of work that has phases, each of which counts something of its own. */
import type { ProgressView } from "./progress.ts";
import { Rate } from "./rate.ts";
import { formatCount, formatDuration, timeLeft } from "./units.ts";

/** How far it is. */
export interface PhasedProgress<Phase extends string> {
  readonly phase: Phase;
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

/** Of each phase: what it is at, and what `done` counts. */
export type Phases<Phase extends string> = Readonly<Record<Phase, readonly [what: string, counted: string]>>;

/** @param now asked for how far it is */
export function phasedProgress<Phase extends string>(
  phases: Phases<Phase>,
  now: () => PhasedProgress<Phase>,
): ProgressView {
  const startedMs = performance.now();
  let rate = new Rate();
  let progress = now();
  let elapsedMs = 0;
  const line = (): string => {
    const { phase, done, total } = progress;
    const [what, counted] = phases[phase];
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
