/** Definition of the command that removes data which no snapshot needs. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { DRY_RUN } from "./filter-options.ts";
import { REASON } from "./removal.ts";

/** How much a prune does; also for other commands that end with one. */
export const PRUNE_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--max-unused <limit>",
    description: "how much unneeded data may stay in the repository: x% of it, a size, or unlimited",
    defaultText: "5%",
    completes: "nothing",
  },
  {
    flags: "--max-repack-size <size>",
    description: "pack at most this much anew, such as 20g; 0 only removes packs in which nothing is needed",
    completes: "nothing",
  },
  { flags: "--repack-small", description: "put packs below 80% of the pack size together" },
  {
    flags: "--repack-smaller-than <size>",
    description: "put packs below this size together, such as 4m",
    completes: "nothing",
  },
  { flags: "--repack-uncompressed", description: "compress data that is stored uncompressed" },
  { flags: "--repack-cacheable-only", description: "pack anew only what a cache keeps: packs with metadata" },
];

/** How long forgotten snapshots can be brought back. */
export const GRACE: OptionDefinition = {
  flags: "--grace <duration>",
  description: "keep the data of forgotten snapshots for this long, such as 7d; 0 gives it up now",
  defaultText: "7d",
  completes: "nothing",
};

const prune: CommandDefinition = {
  name: "prune",
  group: "Checking and mending:",
  summary: "remove data that no snapshot needs",
  description: [
    "Removes data that no snapshot needs, and with it the data of snapshots that were forgotten more than seven days ago: these can no longer be brought back. Where a pack holds needed data as well, that moves to a new pack, unless so little would be won that --max-unused allows it to stay.",
    "Nothing is removed unless every snapshot can be read, and all that it needs is there. New files are stored and looked over before old ones go. A prune that is cut off does no harm, and the next one finishes.",
    "Where a server removes by plans, the first run proposes one and changes nothing (exit code 4). Run it again when the plan is approved: it removes what is approved and still not needed. See `holdfast removal`.",
  ],
  options: [...PRUNE_OPTIONS, GRACE, DRY_RUN, REASON],
  examples: [
    { command: "holdfast prune --dry-run", description: "Show what a prune would do." },
    { command: "holdfast prune", description: "Remove what nothing needs." },
    {
      command: "holdfast prune --max-repack-size 0",
      description: "Remove what can be removed without moving anything: for a disk that is full.",
    },
  ],
  exitCodes: [4, 10, 11, 12, 20],
  load: () => import("../commands/prune.ts"),
};

export const PRUNE_COMMANDS: readonly CommandDefinition[] = [prune];
