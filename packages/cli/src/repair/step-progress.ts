/** Progress of work that is counted in steps. */
import type { CommandContext } from "../context.ts";
import { showProgress } from "../output/progress.ts";
import { formatCount, formatDuration } from "../output/units.ts";

export interface Steps {
  readonly done: number;
  readonly total: number;
}

export interface StepProgress {
  /** Takes note of how far the work is. */
  readonly tell: (steps: Steps) => void;
  readonly stop: () => void;
}

/** @param what what the steps are, as in `packs read` */
export function stepProgress({ output, variables }: CommandContext, what: string): StepProgress {
  const startedMs = performance.now();
  let steps: Steps = { done: 0, total: 0 };
  let nowMs = startedMs;
  const line = (): string =>
    `[${formatDuration(nowMs - startedMs)}] ${formatCount(steps.done)} of ${formatCount(steps.total)} ${what}`;
  const view = {
    update: (atMs: number) => {
      nowMs = atMs;
    },
    block: () => [line()],
    line,
    json: () => ({
      message_type: "status",
      seconds_elapsed: Math.floor((nowMs - startedMs) / 1000),
      done: steps.done,
      total: steps.total,
    }),
  };
  const { stop } = showProgress(view, output, variables);
  return {
    tell: (next) => {
      steps = next;
    },
    stop,
  };
}
