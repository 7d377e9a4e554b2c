/** The progress of looking at locks and extending them. */
import type { ExtendPhase } from "@holdfast/engine";
import { type PhasedProgress, type Phases, phasedProgress } from "../output/phased-progress.ts";
import type { ProgressView } from "../output/progress.ts";

export type LockProgress = PhasedProgress<ExtendPhase>;

const PHASES: Phases<ExtendPhase> = {
  index: ["reading the index", "index files"],
  packs: ["listing the packs", "packs"],
  trees: ["looking for what snapshots need", "folders"],
  locks: ["looking at locks", "files"],
};

/** @param now asked for how far it is */
export function lockProgress(now: () => LockProgress): ProgressView {
  return phasedProgress(PHASES, now);
}
