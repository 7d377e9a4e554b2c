/** Groups of options that several commands share. */
import type { OptionDefinition } from "./definition.ts";

/** Which snapshots a command looks at. */
export const SNAPSHOT_FILTERS: readonly OptionDefinition[] = [
  {
    flags: "-H, --host <host>",
    description: "only snapshots of this host",
    repeatable: true,
    environment: "HOST",
    completes: "nothing",
  },
  {
    flags: "--tag <tags>",
    description: "only snapshots that have all of these tags, as in tag,tag; given again: or all of those",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--path <path>",
    description: "only snapshots of this absolute path; given again: of that one as well",
    repeatable: true,
    completes: "file",
  },
];

/** The same, where it decides what `latest` means. */
export const LATEST_FILTERS: readonly OptionDefinition[] = SNAPSHOT_FILTERS.map((option) => ({
  ...option,
  description: `for 'latest': ${option.description}`,
}));

/** Exclude patterns of backup and restore. */
export const EXCLUDE_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "-e, --exclude <pattern>",
    description: "leave out what matches this pattern",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--iexclude <pattern>",
    description: "as --exclude, but upper and lower case are the same",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--exclude-file <file>",
    description: "read exclude patterns from a file, one a line",
    repeatable: true,
    completes: "file",
  },
  {
    flags: "--iexclude-file <file>",
    description: "as --exclude-file, but upper and lower case are the same",
    repeatable: true,
    completes: "file",
  },
];

/** Include patterns of restore. */
export const INCLUDE_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "-i, --include <pattern>",
    description: "take only what matches this pattern",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--iinclude <pattern>",
    description: "as --include, but upper and lower case are the same",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--include-file <file>",
    description: "read include patterns from a file, one a line",
    repeatable: true,
    completes: "file",
  },
  {
    flags: "--iinclude-file <file>",
    description: "as --include-file, but upper and lower case are the same",
    repeatable: true,
    completes: "file",
  },
];

/** The other repository of `init --copy-chunker-params`. */
export const FROM_REPOSITORY_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "--from-repo <location>",
    description: "the other repository",
    environment: "FROM_REPOSITORY",
    completes: "folder",
  },
  {
    flags: "--from-repository-file <file>",
    description: "file that holds the location of the other repository",
    environment: "FROM_REPOSITORY_FILE",
    completes: "file",
  },
  {
    flags: "--from-password-file <file>",
    description: "file that holds the password of the other repository",
    environment: "FROM_PASSWORD_FILE",
    completes: "file",
  },
  {
    flags: "--from-password-command <command>",
    description: "command that prints the password of the other repository",
    environment: "FROM_PASSWORD_COMMAND",
    completes: "command",
  },
  {
    flags: "--from-key-hint <id>",
    description: "key of the other repository to try first",
    environment: "FROM_KEY_HINT",
    completes: "nothing",
  },
  { flags: "--from-insecure-no-password", description: "the other repository has an empty password" },
];

const SEVERAL = new Set(["--from-repo <location>", "--from-password-file <file>", "--from-password-command <command>"]);

/** Other copies that a restore may read: several of them. */
export const COPIES_OPTIONS: readonly OptionDefinition[] = [
  ...FROM_REPOSITORY_OPTIONS.map((option): OptionDefinition => {
    if (!SEVERAL.has(option.flags)) return option;
    const description = option.flags.startsWith("--from-repo")
      ? "another copy of the repository; may be given again"
      : `${option.description}; given again: of the next`;
    return { ...option, description, repeatable: true };
  }),
  {
    flags: "--prefer <which>",
    description:
      "which copy is read first: the one that answers fastest, or the first that is alive in the given order",
    choices: ["fastest", "given"],
    defaultText: "fastest",
  },
];

/** `--group-by`. */
export const GROUP_BY: OptionDefinition = {
  flags: "-g, --group-by <fields>",
  description: "fields that make a group, of host, paths and tags, separated by commas; '' for one group of all",
  completes: "nothing",
};

/** `--dry-run` of a command that changes something. */
export const DRY_RUN: OptionDefinition = {
  flags: "-n, --dry-run",
  description: "change nothing, only show what would be done",
};
