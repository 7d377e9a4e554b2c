/** Definitions of the commands that compare snapshots and change what was stored. */
import type { CommandDefinition } from "./definition.ts";
import { DRY_RUN, EXCLUDE_OPTIONS, INCLUDE_OPTIONS, LATEST_FILTERS, SNAPSHOT_FILTERS } from "./filter-options.ts";

const diff: CommandDefinition = {
  name: "diff",
  group: "Saving and restoring:",
  summary: "show what changed between two snapshots, or since one",
  description: [
    "Lists what changed from the first snapshot to the second: + added, - removed, M other content, T another type, and with --metadata U other metadata. M? is a file whose content changed and nothing else, which looks like damage of the file itself.",
    "With --live, a snapshot is compared with the files that are there now: with the paths that are given, or else those that it was made of. A file counts as changed when its size or time of modification differs; with --content its bytes are read and compared.",
    "What lies below something whose type changed is not listed.",
  ],
  arguments: [
    {
      name: "snapshot[:folder]",
      description: "an id or its beginning, or latest, latest~1 and so on; with a folder inside it",
      required: true,
      completes: "nothing",
    },
    { name: "other", description: "the other snapshot[:folder]; with --live paths", variadic: true, completes: "file" },
  ],
  options: [
    { flags: "--live", description: "compare with live files" },
    { flags: "--content", description: "with --live: read files and compare their bytes" },
    { flags: "--metadata", description: "also show entries of which only metadata changed" },
    ...EXCLUDE_OPTIONS.map((option) => ({ ...option, description: `with --live: ${option.description}` })),
    ...LATEST_FILTERS,
  ],
  examples: [
    { command: "holdfast diff latest~1 latest", description: "What the last backup brought." },
    {
      command: "holdfast diff 4f3c21aa:/home latest:/home --metadata",
      description: "Compare a folder of two snapshots.",
    },
    {
      command: "holdfast diff latest --live /etc --content",
      description: "What changed in /etc since the last backup.",
    },
  ],
  exitCodes: [3, 10, 11, 12, 20],
  load: () => import("../commands/diff.ts"),
};

const rewrite: CommandDefinition = {
  name: "rewrite",
  group: "Saving and restoring:",
  summary: "leave files out of snapshots that exist, or change their metadata",
  description: [
    "Makes new snapshots of the given ones, or of all that match the filters: without what the patterns exclude, or with nothing but what they include, or with another host or time. The new snapshots have the tag rewrite and stand beside the old ones. With --forget they take their place.",
    "A snapshot in which nothing is to be changed is left alone. One that cannot be rewritten without losing something, or that a hold keeps, is refused, and the others are rewritten all the same.",
    "Old snapshots that were replaced can be brought back with `holdfast unforget` for some days. To erase for good what was left out, run `holdfast prune --grace 0 --max-unused 0` after it, which erases everything else that was forgotten, too. Copies elsewhere have to be rewritten as well.",
  ],
  arguments: [{ name: "snapshot", description: "only these snapshots", variadic: true, completes: "nothing" }],
  options: [
    ...EXCLUDE_OPTIONS,
    ...INCLUDE_OPTIONS,
    { flags: "--new-host <host>", description: "host name of the new snapshots", completes: "nothing" },
    {
      flags: "--new-time <time>",
      description: "time of the new snapshots, as in '2026-11-01 22:08:41'",
      completes: "nothing",
    },
    {
      flags: "-s, --snapshot-summary",
      description: "count the files of each snapshot and note that in it, where it is not noted",
    },
    { flags: "--forget", description: "replace the old snapshots" },
    DRY_RUN,
    ...SNAPSHOT_FILTERS,
  ],
  examples: [
    {
      command: "holdfast rewrite --exclude '/home/*/Downloads' --dry-run -vv",
      description: "Show what would be left out of all snapshots.",
    },
    {
      command: "holdfast rewrite --exclude /srv/customers/4711 --forget",
      description: "Take a folder out of every snapshot.",
    },
    { command: "holdfast rewrite --new-host ada 4f3c21aa", description: "Give a snapshot another host name." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/rewrite.ts"),
};

const migrate: CommandDefinition = {
  name: "migrate",
  group: "Repository and keys:",
  summary: "upgrade the format of a repository",
  description: [
    "Without a name, lists the migrations that the repository can take. upgrade_repo_v2 upgrades from version 1 to 2: the repository is checked first, then only its config changes. From then on new data is compressed, and `holdfast prune --repack-uncompressed` compresses what is there. restic 0.14 and newer can use version 2.",
    "The config is replaced in one step where the store can do that, as a folder can. Elsewhere a copy of it is kept first: should the run be cut off just when the repository has no config, --restore-config puts the copy back.",
  ],
  arguments: [{ name: "name", description: "migrations to apply", variadic: true, completes: "nothing" }],
  options: [
    {
      flags: "--keep-in <folder>",
      description: "folder for a copy of the config, where one is needed",
      defaultText: "the current folder",
      completes: "folder",
    },
    {
      flags: "--restore-config <file>",
      description: "put the copy of the config back into a repository that has none",
      completes: "file",
    },
  ],
  examples: [{ command: "holdfast migrate upgrade_repo_v2", description: "Upgrade to version 2." }],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/migrate.ts"),
};

export const HISTORY_COMMANDS: readonly CommandDefinition[] = [diff, rewrite, migrate];
