/** Definition of `find`. */
import type { CommandDefinition } from "./definition.ts";
import { SNAPSHOT_FILTERS } from "./filter-options.ts";

/** `holdfast find`. */
export const FIND: CommandDefinition = {
  name: "find",
  group: "Saving and restoring:",
  summary: "find files in snapshots, or who uses a blob",
  description: [
    "Searches all snapshots, or some, for files and folders by name or path, as in '*.odt', 'letters/*.txt' or '/home/**/notes'. A pattern that begins with a slash must match from the root on, another one may match anywhere. A folder that matches is listed with all that is in it. The newest snapshot comes first.",
    "With --blob, --tree or --pack the patterns are ids, or the beginnings of ids, of blobs or packs, and the files and folders that use them are listed.",
  ],
  arguments: [
    {
      name: "pattern",
      description: "name or path to look for, with *, ?, [a-z] and **; or an id",
      required: true,
      variadic: true,
      completes: "nothing",
    },
  ],
  options: [
    { flags: "-i, --ignore-case", description: "upper and lower case are the same" },
    {
      flags: "-O, --oldest <time>",
      description: "only what was modified then or later, as in 2026-11-01 or '2026-11-01 22:08:41'",
      completes: "nothing",
    },
    { flags: "-N, --newest <time>", description: "only what was modified then or earlier", completes: "nothing" },
    { flags: "--larger <size>", description: "only files of more bytes, as in 500k, 20m or 1g", completes: "nothing" },
    { flags: "--smaller <size>", description: "only files of fewer bytes", completes: "nothing" },
    { flags: "-l, --long", description: "show mode, owner, size and time" },
    { flags: "--human-readable", description: "with --long: sizes with units" },
    {
      flags: "-s, --snapshot <id>",
      description: "search this snapshot: an id or its beginning, or latest, latest~1 and so on",
      repeatable: true,
      completes: "nothing",
    },
    { flags: "-R, --reverse", description: "the oldest snapshot first" },
    { flags: "--blob", description: "the patterns are ids of data blobs: find files that consist of them" },
    { flags: "--tree", description: "the patterns are ids of trees: find folders that they describe" },
    { flags: "--pack", description: "the patterns are ids of packs: find what uses a blob in them" },
    { flags: "--show-pack-id", description: "with --blob, --tree or --pack: say in which packs the blobs lie" },
    ...SNAPSHOT_FILTERS,
  ],
  examples: [
    { command: "holdfast find '*.odt'", description: "Show where files of that kind are, in all snapshots." },
    {
      command: "holdfast find -s latest --larger 1g -l '*'",
      description: "Show the large files of the latest snapshot.",
    },
    { command: "holdfast find --pack 025c1d06", description: "Show what a damaged pack held." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/find.ts"),
};
