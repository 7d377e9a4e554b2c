/** Every error of protecting a machine. `docs/errors.md` is generated from this table. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const PROTECTION_ERRORS = {
  PROTECTION_PASSWORD_MISSING: {
    kind: "not-found",
    message: "there is a repository at {repository}, but its password file {path} is gone",
    hint: "Put the password file back (mode 0600) from where you kept a copy. Without it nobody can read this repository.",
  },
  PROTECTION_PASSWORD_EXPOSED: {
    kind: "permission",
    message: "the password file {path} can be read by other users (mode {mode})",
    hint: "Run `chmod 600 {path}`, and consider it known to them: `holdfast key passwd` changes it.",
  },
  PROTECTION_PASSWORD_UNUSABLE: {
    kind: "invalid-input",
    message: "the password file {path} cannot be used: {reason}",
    hint: "It must hold the password of the repository in its first line.",
  },
  PROTECTION_PASSWORD_NOT_MADE: {
    kind: "unavailable",
    message: "the password file {path} cannot be made: {reason}",
    hint: "No repository was made yet. Make room there, or correct the permissions, or name another folder with XDG_CONFIG_HOME, and run it again.",
  },
  PROTECTION_NO_ROOM: {
    kind: "unavailable",
    message: "{files} files with {needed} are to be protected, and {location} has only {free} free",
    hint: "Name fewer paths, as in `npm start -- ~/Documents`, or keep the repository on a larger disk with -r.",
  },
  PROTECTION_RETENTION_KEEPS_NOTHING: {
    kind: "invalid-input",
    message: "this policy keeps nothing, so nothing is removed by it",
    hint: "Say what is to be kept, such as --keep-daily 7 --keep-weekly 4 --keep-monthly 12.",
  },
  PROTECTION_RETENTION_COUNT: {
    kind: "invalid-input",
    message: "'{text}' is no value for --{option}",
    hint: "Give the number of snapshots to keep, or `unlimited`.",
  },
  PROTECTION_RETENTION_DURATION: {
    kind: "invalid-input",
    message: "'{text}' is no duration for --{option}: {reason}",
    hint: "Give years, months, days and hours, such as 1y5m7d2h or 14d.",
  },
  PROTECTION_RETENTION_ZONE: {
    kind: "invalid-input",
    message: "'{zone}' is no time zone",
    hint: "Give a name such as Europe/Berlin or UTC, or `snapshot` for the zone in which each snapshot was made.",
  },
  PROTECTION_RETENTION_STOP: {
    kind: "invalid-input",
    message: "'{name}' is no reason to stop",
    hint: "The names are {names}.",
  },
  PROTECTION_CONFIG_INVALID: {
    kind: "invalid-input",
    message: "the configuration cannot be used:\n{problems}",
    hint: "`holdfast config schema` describes every setting. Nothing was done.",
  },
  PROTECTION_CONFIG_UNREADABLE: {
    kind: "invalid-input",
    message: "the configuration {path} cannot be read: {reason}",
  },
  PROTECTION_CONFIG_EXPOSED: {
    kind: "permission",
    message:
      "the configuration {path} can be changed by others (owner {owner}, mode {mode}), and it names programs to run",
    hint: "Run `chmod go-w {path}`, and check what stands in it.",
  },
  PROTECTION_SECRET: {
    kind: "not-found",
    message: "the secret of {what} cannot be had from {reference}: {reason}",
    hint: "A secret is given as `env: NAME`, `file: /path` or `command: [program, argument]`.",
  },
  PROTECTION_NO_SOURCE: {
    kind: "not-found",
    message: "the configuration {path} has no source '{name}'",
    hint: "It has {names}.",
  },
} as const satisfies Record<string, ErrorTemplate>;

export const protectionError = errorMaker(PROTECTION_ERRORS);
