/** Definitions of the commands about what there is to protect. */
import type { CommandDefinition } from "./definition.ts";

const GROUP = "What there is to protect:";

const PATHS = {
  name: "path",
  description: "look only at these folders; without any, at all local file systems",
  variadic: true,
  completes: "folder",
} as const;

const REMOTE = { flags: "--remote", description: "also look at what is mounted over a network" } as const;

const discover: CommandDefinition = {
  name: "discover",
  group: GROUP,
  summary: "find out what there is to protect on this machine",
  description: [
    "Looks at processes, sockets, accounts, mounted file systems and all local files, and says what is worth protecting: databases, SQLite files, virtual machines, containers, mail, web roots, home folders, the system's configuration, certificates with their keys, git repositories with commits that no remote has, and other data. Each comes with its size, how much of it changed, how sure that is, how critical it seems and why, and what it takes to capture it consistently.",
    "Nothing is changed, started or asked: files are read, and no more than the first bytes of most. Works for ordinary users, and then says what it could not look at. Caches and what package managers can fetch again are left out, and not counted.",
  ],
  arguments: [PATHS],
  options: [
    {
      flags: "--kind <kind>",
      description: "only this kind, such as postgres, sqlite, files, home, git or certificate",
      repeatable: true,
      completes: "nothing",
    },
    { flags: "--all", description: "list everything, also what can be had again and what is part of something else" },
    {
      flags: "--as-config",
      description: "print a configuration that would protect it, with the reasons as comments",
    },
    {
      flags: "--root <folder>",
      description: "look at another system that is mounted there, such as the disk of a machine that died",
      completes: "folder",
    },
    REMOTE,
  ],
  examples: [
    { command: "holdfast discover", description: "Look at this machine." },
    { command: "holdfast discover /srv --kind sqlite", description: "Show the SQLite databases below /srv." },
    {
      command: "holdfast discover --as-config > holdfast.yaml",
      description: "Begin a configuration with what was found.",
    },
  ],
  load: () => import("../commands/discover.ts"),
};

const coverage: CommandDefinition = {
  name: "coverage",
  group: GROUP,
  summary: "say what exists and is not protected",
  description: [
    "Compares what `holdfast discover` finds with the sources of the configuration: what is protected, what only in part (such as a database whose files are stored without a dump), and what not at all. What was not there last time is marked.",
    "What is not protected on purpose is listed under `waivers` of the configuration, with an owner, a reason and the last day on which that holds; a waiver that has expired does not count. Exit code 3 when something critical is not protected.",
  ],
  arguments: [PATHS],
  options: [
    { flags: "--all", description: "also list, one by one, what is protected and what can be had again" },
    REMOTE,
  ],
  examples: [
    { command: "holdfast coverage", description: "Show what nothing protects." },
    {
      command: "holdfast coverage --json | jq '.entries[] | select(.new)'",
      description: "Show what is new since the last time.",
    },
  ],
  exitCodes: [3],
  load: () => import("../commands/coverage.ts"),
};

export const DISCOVERY_COMMANDS: readonly CommandDefinition[] = [discover, coverage];
