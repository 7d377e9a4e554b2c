/** Definitions of the commands that compare snapshots and change what was stored. */
import type { CommandDefinition } from "./definition.ts";
import { EXCLUDE_OPTIONS, LATEST_FILTERS } from "./filter-options.ts";

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

export const HISTORY_COMMANDS: readonly CommandDefinition[] = [diff];
