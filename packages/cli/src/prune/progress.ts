/** The progress of a prune: what it is at, and how much of that is done. */
import type { PruneProgress } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatCount, formatDuration, timeLeft } from "../output/units.ts";

type Phase = PruneProgress["phase"];

const PHASES: Readonly<Record<Phase, string>> = {
  index: "reading the index",
  packs: "listing the packs",
  trees: "looking for what snapshots need",
  repack: "moving what is needed to new packs",
  "write-index": "writing the index anew",
  "remove-index": "removing old index files",
  "remove-packs": "removing packs",
};
/** What `done` counts. */
const COUNTED: Readonly<Record<Phase, string>> = {
  index: "index files",
  packs: "packs",
  trees: "folders",
  repack: "blobs",
  "write-index": "packs",
  "remove-index": "index files",
  "remove-packs": "packs",
};

/** @param now asked for how far the prune is */
export function pruneProgress(now: () => PruneProgress): ProgressView {
  const startedMs = performance.now();
  let rate = new Rate();
  let progress = now();
  let elapsedMs = 0;
  const line = (): string => {
    const { phase, done, total } = progress;
    const head = `[${formatDuration(elapsedMs)}] ${PHASES[phase]}`;
    if (total === 0) return done === 0 ? head : `${head}: ${formatCount(done)} ${COUNTED[phase]}`;
    const counts = `${formatCount(done)} of ${formatCount(total)} ${COUNTED[phase]}`;
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
