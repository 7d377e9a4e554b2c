/** Definitions of the commands that look inside the repository, find damage and mend it. */
import type { CommandDefinition } from "./definition.ts";
import { DRY_RUN, FROM_REPOSITORY_OPTIONS, SNAPSHOT_FILTERS } from "./filter-options.ts";

const GROUP = "Checking and mending:";

const check: CommandDefinition = {
  name: "check",
  group: GROUP,
  summary: "look for damage in the repository",
  description: [
    "Checks that the index, the packs and the trees of all snapshots fit together. With --read-data every byte is read and compared with its hash: the proof that everything can be restored.",
    "What it has proven of snapshots, and which are damaged, is recorded in the repository, unless --no-lock is given: `holdfast snapshots` shows it, and `holdfast forget` goes by it.",
  ],
  options: [
    { flags: "--read-data", description: "read all data" },
    {
      flags: "--read-data-subset <subset>",
      description: "read a part of the data: n/t for the nth of t parts, x% or a size for a random part",
      completes: "nothing",
    },
    { flags: "--with-cache", description: "trust copies of metadata on this machine" },
    ...SNAPSHOT_FILTERS,
  ],
  examples: [
    { command: "holdfast check", description: "Check the structure." },
    {
      command: "holdfast check --read-data-subset 1/7",
      description: "Read a seventh of the data; with 2/7 the next, and so on.",
    },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/check.ts"),
};

const repair: CommandDefinition = {
  name: "repair",
  group: GROUP,
  summary: "mend a damaged repository",
  description: ["Make a copy of the repository first, if there is room for one. Start with `holdfast check`."],
  subcommands: [
    {
      name: "index",
      summary: "make the index anew",
      description: ["Makes index files for packs that no index names, and drops entries of packs that are gone."],
      options: [
        { flags: "--read-all-packs", description: "read the header of every pack and make the whole index anew" },
        DRY_RUN,
      ],
      exitCodes: [10, 11, 12, 20],
      load: () => import("../commands/repair-index.ts"),
    },
    {
      name: "packs",
      summary: "save what is left in damaged packs, and take what is lost from another repository",
      description: [
        "Copies the blobs that can still be read out of damaged packs into new ones, and removes the damaged packs.",
        "With --from-repo, whatever snapshots need and this repository has lost is taken from the other one, as far as it has it: from damaged packs, from packs that are missing or cut off, and what is in no pack any more. Every blob is checked, so that it is the very same again. The other repository may have another key, as one that was made with `holdfast copy` has.",
        "At the end the files are named that cannot be restored whole.",
      ],
      arguments: [
        {
          name: "id",
          description: "damaged packs, as `holdfast check` names them; none are needed with --from-repo",
          variadic: true,
          completes: "nothing",
        },
      ],
      options: [
        ...FROM_REPOSITORY_OPTIONS,
        {
          flags: "--keep-in <folder>",
          description: "folder for copies of the packs, as pack-ID, before anything is changed",
          defaultText: "the current folder",
          completes: "folder",
        },
        DRY_RUN,
      ],
      examples: [
        {
          command: "holdfast repair packs 5b1c09ee --from-repo /mnt/usb/backup",
          description: "Mend a pack with what a second repository has.",
        },
      ],
      exitCodes: [10, 11, 12, 20],
      load: () => import("../commands/repair-packs.ts"),
    },
    {
      name: "snapshots",
      summary: "make snapshots without what is lost",
      description: [
        "Makes new snapshots of those that lack data, without the files and folders that cannot be read any more.",
        "What is held or pinned (tagged `pinned`) is not removed, with --forget either: it is named, and the exit code is 3.",
      ],
      arguments: [{ name: "snapshot", description: "only these snapshots", variadic: true, completes: "nothing" }],
      options: [
        ...SNAPSHOT_FILTERS,
        {
          flags: "--forget",
          description: "remove the snapshots that were replaced, and those that cannot be read at all",
        },
        DRY_RUN,
      ],
      exitCodes: [3, 10, 11, 12, 20],
      load: () => import("../commands/repair-snapshots.ts"),
    },
  ],
};

const stats: CommandDefinition = {
  name: "stats",
  group: GROUP,
  summary: "count and measure what is stored",
  description: ["Measures the given snapshots, or all of them."],
  arguments: [{ name: "snapshot", description: "only these snapshots", variadic: true, completes: "nothing" }],
  options: [
    ...SNAPSHOT_FILTERS,
    {
      flags: "--mode <mode>",
      description:
        "what to count: bytes of a restore, bytes of different contents, bytes in the repository, or blobs of each file once",
      choices: ["restore-size", "files-by-contents", "raw-data", "blobs-per-file"],
      defaultText: "restore-size",
    },
  ],
  examples: [
    {
      command: "holdfast stats --mode raw-data",
      description: "Show how much the repository takes, and what compression saves.",
    },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/stats.ts"),
};

const cat: CommandDefinition = {
  name: "cat",
  group: GROUP,
  summary: "print one object of the repository",
  description: ["Prints a file of the repository, decrypted, or a blob. A tree may be named as snapshot[:folder] too."],
  arguments: [
    {
      name: "type",
      description: "what to print",
      required: true,
      choices: ["config", "snapshot", "tree", "blob", "index", "pack", "key", "lock", "masterkey"],
    },
    { name: "id", description: "its id or the beginning of it; none for config and masterkey", completes: "nothing" },
  ],
  examples: [{ command: "holdfast cat tree latest:/etc", description: "Show what is recorded of a folder." }],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/cat.ts"),
};

const list: CommandDefinition = {
  name: "list",
  group: GROUP,
  summary: "list objects of the repository by id",
  description: ["Prints one id a line; for blobs with their type."],
  arguments: [
    {
      name: "type",
      description: "what to list",
      required: true,
      choices: ["snapshots", "packs", "index", "blobs", "keys", "locks"],
    },
  ],
  exitCodes: [10, 11, 12],
  load: () => import("../commands/list.ts"),
};

export const INSPECTION_COMMANDS: readonly CommandDefinition[] = [check, repair, stats, cat, list];
