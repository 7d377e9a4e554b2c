/** Definitions of the commands about the configuration and its sources. */
import type { CommandDefinition } from "./definition.ts";

const GROUP = "Sources of the configuration:";

const prove: CommandDefinition = {
  name: "prove",
  group: GROUP,
  summary: "restore sources in isolation, start or open them, and examine them",
  description: [
    "Restores the newest snapshot of each source to a temporary folder, opens or starts what was restored there, away from the original, and asks it what the configuration wants to know. Says what was looked at, and how long it took until the copy was usable.",
    "A source is proven only when something was looked at and all of it is as it should be. What came out is recorded in the repository.",
  ],
  arguments: [
    { name: "source", description: "sources by their names; without any, all", variadic: true, completes: "nothing" },
  ],
  options: [
    { flags: "--snapshot <id>", description: "this snapshot instead of the newest", completes: "nothing" },
    {
      flags: "--until <when>",
      description:
        "go on from the snapshot by the journal: latest, a time with its zone, name:NAME, or a place such as lsn:0/3000028",
      completes: "nothing",
    },
    {
      flags: "-H, --host <host>",
      description: "snapshots of another machine",
      defaultText: "this machine's",
      completes: "nothing",
    },
    {
      flags: "--evidence <folder>",
      description:
        "keep what shows it to a person here, in a folder for each proof: the end of a console's log, a picture of a screen",
      completes: "folder",
    },
    { flags: "--all-repositories", description: "from each repository in which it is kept, not only from the first" },
  ],
  examples: [
    { command: "holdfast prove shop", description: "Prove that the newest snapshot of shop can be restored." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/prove.ts"),
};

const drift: CommandDefinition = {
  name: "drift",
  group: GROUP,
  summary: "show what changed on a system between two of its snapshots",
  description: [
    "Compares the reports of two snapshots of a source of kind system, topic by topic: packages, users, services, network, disks and the rest. Without options, the newest snapshot with the one before it.",
    "Ends with 0 when nothing has changed, and with 22 when something has, so that a scheduled run can tell.",
  ],
  arguments: [
    { name: "source", description: "a source of kind system, by its name", required: true, completes: "nothing" },
  ],
  options: [
    {
      flags: "--from <id>",
      description: "begin with this snapshot",
      defaultText: "the one before the other; with --live the newest",
      completes: "nothing",
    },
    { flags: "--to <id>", description: "end with this snapshot", defaultText: "the newest", completes: "nothing" },
    { flags: "--live", description: "compare with the system as it is now; nothing is stored" },
    {
      flags: "-H, --host <host>",
      description: "snapshots of another machine",
      defaultText: "this machine's",
      completes: "nothing",
    },
  ],
  examples: [
    { command: "holdfast drift web1", description: "What changed between the last two snapshots of web1." },
    { command: "holdfast drift web1 --live", description: "What changed since the newest." },
  ],
  exitCodes: [10, 11, 12, 20, 22],
  load: () => import("../commands/drift.ts"),
};

const config: CommandDefinition = {
  name: "config",
  group: GROUP,
  summary: "look at the configuration",
  description: ["About the file that --config names, or holdfast.yaml in ~/.config/holdfast or /etc/holdfast."],
  subcommands: [
    {
      name: "check",
      summary: "say whether the configuration can be used, and what it has",
      description: [
        "Reads the configuration and names everything that is wrong with it, with line and column. Fetches no secret.",
      ],
      examples: [
        { command: "holdfast --config ./holdfast.yaml config check", description: "Check a file before it is used." },
      ],
      load: () => import("../commands/config-check.ts"),
    },
    {
      name: "schema",
      summary: "print the JSON Schema of the configuration",
      description: ["For editors that complete and check YAML files, and as the description of every setting."],
      examples: [{ command: "holdfast config schema > holdfast.schema.json", description: "Keep it for an editor." }],
      load: () => import("../commands/config-schema.ts"),
    },
  ],
};

export const SOURCE_COMMANDS: readonly CommandDefinition[] = [prove, drift, config];
