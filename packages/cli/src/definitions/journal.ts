/** Definitions of the commands about journals: the WAL of PostgreSQL and the like. */
import type { CommandDefinition } from "./definition.ts";

const SOURCE = { name: "source", description: "a source by its name", required: true, completes: "nothing" } as const;

const push: CommandDefinition = {
  name: "push",
  summary: "store finished files of a journal",
  description: [
    "Stores files of a source's journal. For the archive_command of PostgreSQL: `holdfast journal push shop %p`.",
    "Succeeds only when all of them are in the first repository of the source. Its other repositories get them as well, and those that cannot be reached are warned of: `holdfast copy` brings them what they lack. With --all-repositories each of them must have the files.",
    "A file that is there already with the same content is a success; one with another content is refused, and never replaced.",
  ],
  arguments: [
    SOURCE,
    { name: "file", description: "files of the journal", required: true, variadic: true, completes: "file" },
  ],
  options: [{ flags: "--all-repositories", description: "fail unless every repository of the source has the files" }],
  examples: [
    {
      command: "holdfast journal push shop pg_wal/000000010000000000000042",
      description: "Store one WAL segment. In postgresql.conf: archive_command = 'holdfast journal push shop %p'",
    },
  ],
  exitCodes: [10, 11, 12],
  load: () => import("../commands/journal-push.ts"),
};

const follow: CommandDefinition = {
  name: "follow",
  summary: "take a journal from its server as it is written, and store it within seconds",
  description: [
    "Runs until it is told to end. Takes the journal from the server (pg_receivewal), stores finished files at once, and the one that is being written every few seconds, so that no more than these are lost with the server. When the server or the repository cannot be reached it tries again.",
    "What was taken lies in the spool folder until the first repository of the source has it. The folder is kept, so that the next run goes on where this one ended.",
  ],
  arguments: [SOURCE],
  options: [
    {
      flags: "--spool <folder>",
      description: "folder for what was taken and is not stored yet",
      defaultText: "~/.local/state/holdfast/journal/SOURCE; for root /var/lib/holdfast/journal/SOURCE",
      completes: "folder",
    },
    {
      flags: "--heartbeat <duration>",
      description: "how often it is noted that the journal is current when nothing is written",
      defaultText: "1h",
      completes: "nothing",
    },
  ],
  examples: [
    { command: "holdfast journal follow shop", description: "As a service beside the server, or on another host." },
  ],
  exitCodes: [10, 11, 12],
  graceMs: 30_000,
  load: () => import("../commands/journal-follow.ts"),
};

const status: CommandDefinition = {
  name: "status",
  summary: "say how far the journal goes, and what is missing in it",
  description: [
    "Says for each snapshot of the source up to where its journal leads without a gap, and until when the journal was current. Ends with 3 when something is missing, or when the journal was current longer ago than --max-age allows: for monitoring.",
  ],
  arguments: [{ ...SOURCE, description: "sources by their names", variadic: true }],
  options: [
    {
      flags: "--max-age <duration>",
      description: "fail when the journal was current longer ago than this",
      completes: "nothing",
    },
  ],
  examples: [
    {
      command: "holdfast journal status shop --max-age 5m",
      description: "The alarm for a journal that comes no more.",
    },
  ],
  exitCodes: [3, 10, 11, 12],
  load: () => import("../commands/journal-status.ts"),
};

const fetch: CommandDefinition = {
  name: "fetch",
  summary: "write one file of a journal",
  description: [
    "Writes a file of the journal to a path, which is replaced. For the restore_command of PostgreSQL: `holdfast journal fetch shop %f %p`. Fails when the repository does not have it. `holdfast restore --until` does not need this: it brings the files along.",
  ],
  arguments: [
    SOURCE,
    { name: "file", description: "its name in the journal", required: true, completes: "nothing" },
    { name: "target", description: "where to write it", required: true, completes: "file" },
  ],
  options: [
    {
      flags: "--stream <id>",
      description: "of this server, where the journals of several are stored; for PostgreSQL the system identifier",
      completes: "nothing",
    },
  ],
  examples: [
    {
      command: "holdfast journal fetch shop 000000010000000000000042 /tmp/segment",
      description:
        "Fetch one WAL segment. As a setting of a recovery: restore_command = 'holdfast journal fetch shop %f %p'",
    },
  ],
  exitCodes: [10, 11, 12],
  load: () => import("../commands/journal-fetch.ts"),
};

export const JOURNAL: CommandDefinition = {
  name: "journal",
  group: "Sources of the configuration:",
  summary: "store the journals of databases, for recovery to any time",
  description: [
    "With a physical backup and the journal from there on, a database comes back as it was at any time between: `holdfast restore --until`.",
  ],
  subcommands: [push, follow, status, fetch],
};
