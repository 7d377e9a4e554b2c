/** The progress of a prune: what it is at, and how much of that is done. */
import type { PruneProgress } from "@holdfast/engine";
import { type Phases, phasedProgress } from "../output/phased-progress.ts";
import type { ProgressView } from "../output/progress.ts";

const PHASES: Phases<PruneProgress["phase"]> = {
  index: ["reading the index", "index files"],
  packs: ["listing the packs", "packs"],
  trees: ["looking for what snapshots need", "folders"],
  repack: ["moving what is needed to new packs", "blobs"],
  "write-index": ["writing the index anew", "packs"],
  "remove-index": ["removing old index files", "index files"],
  "remove-packs": ["removing packs", "packs"],
};

/** @param now asked for how far the prune is */
export function pruneProgress(now: () => PruneProgress): ProgressView {
  return phasedProgress(PHASES, now);
}
