/** The program as a whole: every command, in the order of the help. */
import { ABOUT_COMMANDS } from "./about.ts";
import { COPYING_COMMANDS } from "./copying.ts";
import type { CommandDefinition } from "./definition.ts";
import { DISCOVERY_COMMANDS } from "./discovery.ts";
import { FIND } from "./find.ts";
import { HISTORY_COMMANDS } from "./history.ts";
import { INSPECTION_COMMANDS } from "./inspection.ts";
import { JOURNAL } from "./journal.ts";
import { OBJECT_LOCK_COMMANDS } from "./object-lock.ts";
import { PRUNE_COMMANDS } from "./prune.ts";
import { REMOVAL_COMMANDS } from "./removal.ts";
import { REPOSITORY_COMMANDS } from "./repositories.ts";
import { RETENTION_COMMANDS } from "./retention.ts";
import { SAVING_COMMANDS } from "./saving.ts";
import { SERVING_COMMANDS } from "./serving.ts";
import { SOURCE_COMMANDS } from "./sources.ts";

/** The root of the tree of commands. */
export const PROGRAM: CommandDefinition = {
  name: "holdfast",
  summary: "backup and disaster recovery that proves it can restore",
  description: [
    "Backs up files to an encrypted repository in which every piece of data is stored once, and brings them back. The repository has restic's format.",
  ],
  examples: [
    { command: "holdfast start ~/Documents", description: "Protect a folder, step by step." },
    { command: "holdfast -r /srv/backup backup ~/Documents", description: "Make a snapshot." },
    { command: "holdfast -r /srv/backup restore latest -t /tmp/restored", description: "Bring it back." },
  ],
  subcommands: [
    ...SAVING_COMMANDS,
    ...SOURCE_COMMANDS,
    JOURNAL,
    ...DISCOVERY_COMMANDS,
    FIND,
    ...RETENTION_COMMANDS,
    ...HISTORY_COMMANDS,
    ...COPYING_COMMANDS,
    ...REPOSITORY_COMMANDS,
    ...INSPECTION_COMMANDS,
    ...PRUNE_COMMANDS,
    ...OBJECT_LOCK_COMMANDS,
    ...SERVING_COMMANDS,
    ...REMOVAL_COMMANDS,
    ...ABOUT_COMMANDS,
  ],
};
