/** Definition of the command that copies snapshots to another repository. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { DRY_RUN, FROM_REPOSITORY_OPTIONS, SNAPSHOT_FILTERS } from "./filter-options.ts";

const VERIFY: OptionDefinition = {
  flags: "--verify",
  description:
    "read every pack that this run stores again from the repository and compare it, before a snapshot refers to it; exit code 20 names one that is not as it was stored",
};

const copy: CommandDefinition = {
  name: "copy",
  group: "Saving and restoring:",
  summary: "copy snapshots from another repository",
  description: [
    "Copies the given snapshots, or all that match the filters, from the repository of --from-repo to the repository: with its own key, and only data that it lacks. Every piece of data is checked on its way. Snapshots that were copied before are passed over.",
    "Nothing is removed: what was forgotten in the other repository stays here until it is forgotten here. A snapshot of which the other repository has lost something is not copied; the others are.",
    "Data that was copied and data that is backed up here directly is stored once only if both repositories cut files at the same places: make this one with `holdfast init --copy-chunker-params`.",
  ],
  arguments: [
    {
      name: "snapshot",
      description: "only these snapshots of the other repository: ids or their beginnings, or latest",
      variadic: true,
      completes: "nothing",
    },
  ],
  options: [...FROM_REPOSITORY_OPTIONS, ...SNAPSHOT_FILTERS, DRY_RUN, VERIFY],
  examples: [
    {
      command: "holdfast -r /mnt/usb/backup copy --from-repo /srv/backup --from-password-file ~/.backup-password",
      description: "Copy what is new.",
    },
    {
      command: "holdfast copy --from-repo /srv/backup --host den latest",
      description: "Copy the latest snapshot of one host.",
    },
    {
      command: "holdfast -r /mnt/usb/backup copy --from-repo /srv/backup --verify",
      description: "Copy what is new, and read it back.",
    },
  ],
  exitCodes: [3, 10, 11, 12, 20],
  whenInterrupted: "Run it again to go on: data that was stored is not copied again.",
  load: () => import("../commands/copy.ts"),
};

export const COPYING_COMMANDS: readonly CommandDefinition[] = [copy];
