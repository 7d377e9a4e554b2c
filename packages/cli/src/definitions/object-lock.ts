/** Definitions of the commands that keep up locks against deletion in a bucket. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { DRY_RUN } from "./filter-options.ts";
import { GRACE } from "./prune.ts";

const EVERY: OptionDefinition = {
  flags: "--every <duration>",
  description: "how often this command is run; what has less than twice that to go, and less than 7 days, is extended",
  defaultText: "1d",
  completes: "nothing",
};

const NEEDED_GRACE: OptionDefinition = {
  ...GRACE,
  description: "how long the data of forgotten snapshots is needed, as for prune",
};

const objectLock: CommandDefinition = {
  name: "object-lock",
  group: "Checking and mending:",
  summary: "keep up the locks against deletion in a bucket",
  description: [
    "In a bucket with object lock, files that are stored with `-o s3.retention-mode` and `-o s3.retention-days` cannot be deleted for that time. A new snapshot needs old files as well, whose locks run out first. `object-lock extend` is the job that extends them, and `object-lock status` the alarm for when that did not happen.",
  ],
  subcommands: [
    {
      name: "extend",
      summary: "extend the locks of all that snapshots need",
      description: [
        "Looks at every file that snapshots need: config, keys, index, snapshots, holds, and the packs with their data. Locks with too little time left are extended, never shortened, and each is read back. What nothing needs is left alone, so that its lock runs out and a prune can free its space.",
        "Run it every day from a timer, with the same `-o s3.retention-mode` and `-o s3.retention-days` as the backups. One that was cut off is run again. A record of each run is left in the repository, by which `object-lock status`, `backup` and `check` tell when the job is late.",
        "The exit code is 3 when something that is needed could not be locked.",
      ],
      options: [
        {
          flags: "--for <duration>",
          description: "how long an extended lock lasts from now on, such as 30d; at most 3650d",
          defaultText: "s3.retention-days",
          completes: "nothing",
        },
        EVERY,
        NEEDED_GRACE,
        DRY_RUN,
      ],
      examples: [
        {
          command: "holdfast object-lock extend -o s3.retention-mode=compliance -o s3.retention-days=30",
          description: "Extend what has less than 7 days to go, to 30 days.",
        },
      ],
      exitCodes: [3, 10, 11, 12],
      whenInterrupted: "Run it again: what was extended is passed over.",
      load: () => import("../commands/object-lock-extend.ts"),
    },
    {
      name: "status",
      summary: "tell whether all that snapshots need is locked, and the job is in time",
      description: [
        "Asks the store for the lock of every file that snapshots need, and reads the records of `object-lock extend`. Changes nothing, and can be run on any machine that can read the repository.",
        "The exit code is 3 when the job is late, when something that is needed is not locked, and when a lock ends before the job is due again.",
      ],
      options: [
        {
          flags: "--within <duration>",
          description: "count the locks that end within this time",
          defaultText: "7d",
          completes: "nothing",
        },
        {
          flags: "--late-after <duration>",
          description: "how long ago the last good run of the job may be",
          defaultText: "twice its --every",
          completes: "nothing",
        },
        { flags: "--quick", description: "look only at the records of the job, and ask for no locks" },
        NEEDED_GRACE,
      ],
      examples: [
        { command: "holdfast object-lock status", description: "Look at everything." },
        { command: "holdfast object-lock status --quick --json", description: "For a monitor: is the job late?" },
      ],
      exitCodes: [3, 10, 12],
      load: () => import("../commands/object-lock-status.ts"),
    },
  ],
};

export const OBJECT_LOCK_COMMANDS: readonly CommandDefinition[] = [objectLock];
