/** A prune of a large repository in a process of its own, which tells how much memory that took. Arguments: folder, packs. */
import { executePrune } from "../../../src/prune/execute.ts";
import { planPrune } from "../../../src/prune/plan.ts";
import { signal } from "../../made-repository.ts";
import { openLarge } from "./large-repository.ts";

const [folder = "", packs = "0"] = process.argv.slice(2);
const repository = openLarge(folder, Number(packs));
const startedMs = performance.now();
// The real packs are the small ones, and all of them are packed anew.
const plan = await planPrune(repository, { signal, smallPackBytes: 1_000_000, maxUnused: { kind: "unlimited" } });
const plannedMs = performance.now();
const result = await executePrune(repository, plan, { signal });
const { blobs, packs: counts } = plan;
process.stdout.write(
  JSON.stringify({
    peakMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
    planSeconds: (plannedMs - startedMs) / 1000,
    executeSeconds: (performance.now() - plannedMs) / 1000,
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    used: blobs.used,
    repacked: counts.repack,
    removed: counts.remove,
    moved: result.movedBlobs,
    indexes: result.newIndexes,
  }),
);
