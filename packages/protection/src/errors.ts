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
  PROTECTION_NO_ROOM: {
    kind: "unavailable",
    message: "{files} files with {needed} are to be protected, and {location} has only {free} free",
    hint: "Name fewer paths, as in `npm start -- ~/Documents`, or keep the repository on a larger disk with -r.",
  },
} as const satisfies Record<string, ErrorTemplate>;

export const protectionError = errorMaker(PROTECTION_ERRORS);
