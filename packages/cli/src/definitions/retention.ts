/** Definitions of the commands that decide which snapshots stay: forgetting and its undoing, holds, tags. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { DRY_RUN, GROUP_BY, SNAPSHOT_FILTERS } from "./filter-options.ts";
import { GRACE, PRUNE_OPTIONS } from "./prune.ts";
import { REASON } from "./removal.ts";
import { STOP_LIMITS } from "./stop-limits.ts";

const GROUP = "Keeping and forgetting:";

/** As elsewhere, but -H is --keep-hourly here, as in restic. */
const FORGET_FILTERS: readonly OptionDefinition[] = SNAPSHOT_FILTERS.map((option) => ({
  ...option,
  flags: option.flags.replace("-H, ", ""),
}));

function keepCount(flags: string, what: string): OptionDefinition {
  return { flags: `${flags} <n>`, description: `keep the last n ${what}; or unlimited`, completes: "nothing" };
}

function keepWithin(period: string, what: string): OptionDefinition {
  return {
    flags: `--keep-within${period} <duration>`,
    description: `keep ${what} that are at most so much older than the newest, such as 1y5m7d2h`,
    completes: "nothing",
  };
}

const POLICY: readonly OptionDefinition[] = [
  keepCount("-l, --keep-last", "snapshots"),
  keepCount("-H, --keep-hourly", "snapshots of different hours"),
  keepCount("-d, --keep-daily", "snapshots of different days"),
  keepCount("-w, --keep-weekly", "snapshots of different weeks"),
  keepCount("-m, --keep-monthly", "snapshots of different months"),
  keepCount("-y, --keep-yearly", "snapshots of different years"),
  keepWithin("", "all snapshots"),
  keepWithin("-hourly", "one snapshot of each hour"),
  keepWithin("-daily", "one snapshot of each day"),
  keepWithin("-weekly", "one snapshot of each week"),
  keepWithin("-monthly", "one snapshot of each month"),
  keepWithin("-yearly", "one snapshot of each year"),
  {
    flags: "--keep-tag <tags>",
    description: "keep snapshots that have all of these tags, as in tag,tag; given again: or all of those",
    repeatable: true,
    completes: "nothing",
  },
];

const SAFETY: readonly OptionDefinition[] = [
  {
    flags: "--time-zone <zone>",
    description: "where days and hours begin: a zone such as Europe/Berlin, or snapshot for each snapshot's own",
    defaultText: "snapshot",
    completes: "nothing",
  },
  {
    flags: "--keep-at-least <n>",
    description: "keep the newest n of each group whatever the rules say; 0 lets even the newest go",
    defaultText: "3",
    completes: "nothing",
  },
  {
    flags: "--min-age <duration>",
    description: "keep what is younger, or arrived later, than this, such as 7d or 12h; 0 for no such limit",
    defaultText: "7d",
    completes: "nothing",
  },
  {
    flags: "--spares <n>",
    description: "keep n more of the same day (or hour) beside each that a rule of the calendar keeps",
    defaultText: "1",
    completes: "nothing",
  },
  ...STOP_LIMITS,
];

function forPrune(option: OptionDefinition): OptionDefinition {
  return { ...option, description: `with --prune: ${option.description}` };
}

const forget: CommandDefinition = {
  name: "forget",
  group: GROUP,
  summary: "remove snapshots by rules or by name",
  description: [
    "Applies rules to the snapshots of each group and forgets those that no rule keeps; or forgets the snapshots that are named. What is held or pinned (tagged `pinned`), too young, or among the newest is kept whatever the rules say, and each snapshot is listed with the reasons.",
    "Forgotten snapshots can be brought back with `holdfast unforget` until a prune comes after seven days. Other programs no longer see them.",
    "In two steps: --plan-only prints the plan and its hash; --execute HASH, with the same rules, carries out exactly that plan or nothing.",
    "Where a server removes by plans, the first run proposes one and forgets nothing (exit code 4). Run it again when the plan is approved: it forgets what is approved and still to go. See `holdfast removal`.",
  ],
  arguments: [
    { name: "snapshot", description: "forget these, and not by rules", variadic: true, completes: "nothing" },
  ],
  options: [
    ...POLICY,
    ...FORGET_FILTERS,
    { ...GROUP_BY, defaultText: "host,paths" },
    ...SAFETY,
    { flags: "-c, --compact", description: "one line a snapshot, without its paths" },
    DRY_RUN,
    { flags: "--plan-only", description: "change nothing, print the plan and its hash" },
    {
      flags: "--execute <hash>",
      description: "carry out the plan with this hash, and nothing when it would be another by now",
      completes: "nothing",
    },
    { flags: "--prune", description: "then remove data that nothing needs, as `holdfast prune` does" },
    ...PRUNE_OPTIONS.map(forPrune),
    forPrune(GRACE),
    REASON,
  ],
  examples: [
    {
      command: "holdfast forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run",
      description: "Show what these rules would keep, and why.",
    },
    {
      command: "holdfast forget --keep-within-daily 30d --host db --plan-only",
      description: "Make a plan; its hash is for --execute.",
    },
    { command: "holdfast forget 4f3c21aa", description: "Forget one snapshot." },
  ],
  exitCodes: [3, 4, 10, 11, 12, 20],
  whenInterrupted: "Each snapshot is there, or can be brought back with `holdfast unforget`. Run it again to finish.",
  load: () => import("../commands/forget.ts"),
};

const unforget: CommandDefinition = {
  name: "unforget",
  group: GROUP,
  summary: "bring forgotten snapshots back",
  description: [
    "Brings snapshots back under their ids. Before that, it looks whether the repository still has all their data: another program may have pruned meanwhile.",
  ],
  arguments: [{ name: "snapshot", description: "forgotten snapshots", variadic: true, completes: "nothing" }],
  options: [
    { flags: "--list", description: "list the forgotten snapshots" },
    { flags: "--all", description: "all of them that meet --host, --tag and --path" },
    {
      flags: "--give-up",
      description: "do not bring them back but give them up, so that a prune frees their data now",
    },
    {
      flags: "--incomplete",
      description: "also those of which data is gone; `holdfast repair snapshots` then saves what is left",
    },
    ...SNAPSHOT_FILTERS,
    DRY_RUN,
  ],
  examples: [
    { command: "holdfast unforget --list", description: "Show what can be brought back, and until when." },
    { command: "holdfast unforget 4f3c21aa", description: "Bring one back." },
    { command: "holdfast unforget --give-up 4f3c21aa", description: "Let the next prune remove its data." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/unforget.ts"),
};

const hold: CommandDefinition = {
  name: "hold",
  group: GROUP,
  summary: "keep snapshots until somebody releases them",
  description: [
    "A hold keeps the snapshots that it is for, also those that are still to be made, whatever rules and commands say. Only Holdfast honours it; a restic that forgets does not know of it.",
  ],
  subcommands: [
    {
      name: "add",
      summary: "put a hold in force",
      description: ["Holds the named snapshots, or all that meet every criterion that is given."],
      arguments: [{ name: "snapshot", description: "these snapshots", variadic: true, completes: "nothing" }],
      options: [
        {
          flags: "--host <host>",
          description: "of this host; given again: or of that",
          repeatable: true,
          completes: "nothing",
        },
        {
          flags: "--tag <tags>",
          description: "with all of these tags, as in tag,tag; given again: or all of those",
          repeatable: true,
          completes: "nothing",
        },
        {
          flags: "--path <path>",
          description: "of this absolute path; given again: of that one as well",
          repeatable: true,
          completes: "file",
        },
        {
          flags: "--time-from <time>",
          description: "taken at this time or later: 2026-11-01, '2026-11-01 22:08', or with its zone",
          completes: "nothing",
        },
        {
          flags: "--time-to <time>",
          description: "taken at this time or earlier; a day counts to its end",
          completes: "nothing",
        },
        { flags: "--all", description: "all snapshots, also those to come" },
        { flags: "--reason <text>", description: "why; a case number, for example (required)", completes: "nothing" },
        {
          flags: "--owner <name>",
          description: "who may say that it is over",
          defaultText: "user@host",
          completes: "nothing",
        },
        {
          flags: "--review <date>",
          description: "day on which to look whether it is still needed, such as 2027-01-31",
          defaultText: "in 90 days",
          completes: "nothing",
        },
      ],
      examples: [
        {
          command: "holdfast hold add --host db --time-from 2026-01-01 --reason 'audit 2026' --review 2027-03-31",
          description: "Keep everything of a host since a day.",
        },
      ],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/hold-add.ts"),
    },
    {
      name: "list",
      summary: "list the holds",
      description: ["Lists the holds, and how many snapshots each keeps now."],
      exitCodes: [10, 11, 12, 20],
      load: () => import("../commands/hold-list.ts"),
    },
    {
      name: "release",
      summary: "end a hold",
      description: ["Ends holds. The snapshots stay until rules let them go."],
      arguments: [
        {
          name: "id",
          description: "ids of holds or their beginnings",
          required: true,
          variadic: true,
          completes: "nothing",
        },
      ],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/hold-release.ts"),
    },
  ],
};

const tag: CommandDefinition = {
  name: "tag",
  group: GROUP,
  summary: "change the tags of snapshots",
  description: [
    "Changes the tags of the named snapshots, or of all that meet the filters. A changed snapshot has a new id and names the one that it was made of.",
    "Snapshots with the tag `pinned` are kept by `holdfast forget`.",
  ],
  arguments: [{ name: "snapshot", description: "only these snapshots", variadic: true, completes: "nothing" }],
  options: [
    {
      flags: "--set <tags>",
      description: "replace all tags by these, as in tag,tag; '' for none",
      repeatable: true,
      completes: "nothing",
    },
    { flags: "--add <tags>", description: "add these tags", repeatable: true, completes: "nothing" },
    { flags: "--remove <tags>", description: "remove these tags", repeatable: true, completes: "nothing" },
    ...SNAPSHOT_FILTERS,
  ],
  examples: [{ command: "holdfast tag --add pinned latest", description: "Pin the latest snapshot." }],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/tag.ts"),
};

export const RETENTION_COMMANDS: readonly CommandDefinition[] = [forget, unforget, hold, tag];
