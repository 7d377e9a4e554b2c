/** Definitions of the commands that concern the repository itself: making it, its keys and its locks. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { FROM_REPOSITORY_OPTIONS } from "./filter-options.ts";

const GROUP = "Repository and keys:";

const init: CommandDefinition = {
  name: "init",
  group: GROUP,
  summary: "make a new repository",
  description: [
    "Makes an empty repository in the format of restic, which restic and rustic can use as well. The password is the only way in: when it is lost, so is the data.",
  ],
  options: [
    {
      flags: "--repository-version <version>",
      description: "version of the format; 2 compresses",
      choices: ["1", "2", "stable", "latest"],
      defaultText: "stable, which is 2",
    },
    {
      flags: "--copy-chunker-params",
      description:
        "cut files as the repository of --from-repo does, so that data copied between the two is stored once",
    },
    ...FROM_REPOSITORY_OPTIONS,
  ],
  examples: [{ command: "holdfast init -r /srv/backup -p ~/.backup-password", description: "Make a repository." }],
  exitCodes: [10, 12],
  load: () => import("../commands/init.ts"),
};

const NEW_PASSWORD: readonly OptionDefinition[] = [
  { flags: "--new-password-file <file>", description: "file that holds the new password", completes: "file" },
  { flags: "--new-insecure-no-password", description: "the new password is empty" },
];

const KEY_ORIGIN: readonly OptionDefinition[] = [
  {
    flags: "--host <host>",
    description: "host name noted with the key",
    defaultText: "this machine's",
    completes: "nothing",
  },
  { flags: "--user <user>", description: "user name noted with the key", defaultText: "yours", completes: "nothing" },
];

const key: CommandDefinition = {
  name: "key",
  group: GROUP,
  summary: "list and change keys and passwords",
  description: [
    "Every key opens the repository with a password of its own. A password that got known is not cured by removing its key alone: whoever copied the key file before can still use it.",
  ],
  subcommands: [
    {
      name: "list",
      summary: "list the keys",
      description: ["Lists the keys of the repository; the one that opened it now has a star."],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/key-list.ts"),
    },
    {
      name: "add",
      summary: "add a key with another password",
      description: ["Adds a key, so that the repository opens with one more password."],
      options: [...NEW_PASSWORD, ...KEY_ORIGIN],
      examples: [
        { command: "holdfast key add --new-password-file ~/second", description: "Add a key without a question." },
      ],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/key-add.ts"),
    },
    {
      name: "remove",
      summary: "remove a key",
      description: [
        "Removes a key, whose password then no longer opens the repository. The key in use cannot be removed.",
      ],
      arguments: [{ name: "id", description: "the key's id or its beginning", required: true, completes: "nothing" }],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/key-remove.ts"),
    },
    {
      name: "passwd",
      summary: "change the password",
      description: ["Adds a key with the new password, then removes the one that opened the repository."],
      options: [...NEW_PASSWORD, ...KEY_ORIGIN],
      exitCodes: [10, 11, 12],
      load: () => import("../commands/key-passwd.ts"),
    },
  ],
};

const unlock: CommandDefinition = {
  name: "unlock",
  group: GROUP,
  summary: "remove locks that other runs left behind",
  description: ["Removes locks whose process is gone, or that were not refreshed for half an hour."],
  options: [{ flags: "--remove-all", description: "remove every lock, also of runs that may be at work" }],
  exitCodes: [10, 12],
  load: () => import("../commands/unlock.ts"),
};

export const REPOSITORY_COMMANDS: readonly CommandDefinition[] = [init, key, unlock];
