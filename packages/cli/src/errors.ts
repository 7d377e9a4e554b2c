/** Every error of the command line itself. `docs/errors.md` is generated from these tables. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const CLI_ERRORS = {
  // The command line as it was typed
  CLI_USAGE: { kind: "invalid-input", message: "{problem}", hint: "See `{help}`." },
  CLI_INVALID_VALUE: { kind: "invalid-input", message: "'{value}' is not a value for {option}: {expected}" },
  CLI_OPTIONS_CONFLICT: { kind: "invalid-input", message: "{first} and {second} exclude each other: {reason}" },
  CLI_NOT_A_WHOLE_SNAPSHOT: {
    kind: "invalid-input",
    message: "'{text}' is a folder in a snapshot, and this is about whole snapshots",
    hint: "When the whole snapshot is meant, give '{whole}'.",
  },
  CLI_TARGET_IN_REPOSITORY: {
    kind: "invalid-input",
    message: "{target} is in the repository {location}: files of both would be mixed up",
    hint: "Restore into another folder.",
  },

  // Repository and password
  CLI_NO_LOCATION: {
    kind: "invalid-input",
    message: "no repository is named",
    hint: "Give -r LOCATION or --repository-file FILE, set HOLDFAST_REPOSITORY, or let `holdfast start` make one for you.",
  },
  CLI_NO_CONFIGURATION: {
    kind: "not-found",
    message: "there is no configuration",
    hint: "Write ~/.config/holdfast/holdfast.yaml or /etc/holdfast/holdfast.yaml, or name another file with --config.",
  },
  CLI_AMBIGUOUS_REPOSITORY: {
    kind: "invalid-input",
    message: "'{name}' is a repository of the configuration, and also a file or folder here",
    hint: "Write ./{name} for what lies here; for the other, go to another folder.",
  },
  CLI_AMBIGUOUS_SOURCE: {
    kind: "invalid-input",
    message: "'{name}' is a source of the configuration, and also a file or folder here",
    hint: "Write ./{name} for what lies here; for the source, go to another folder.",
  },
  CLI_SOURCE_NOWHERE: {
    kind: "invalid-input",
    message: "the source {name} has no repository to be stored in",
    hint: "Name one under `repositories` of the configuration, or with -r.",
  },
  CLI_NO_CAPTURE: {
    kind: "not-found",
    message: "there is no snapshot of the source {name} in {location}",
    hint: "`holdfast backup {name}` makes one.",
  },
  CLI_NO_EARLIER_CAPTURE: {
    kind: "not-found",
    message:
      "no snapshot of the source {name} in {location} can be brought to {until}: each is later, or has no journal",
    hint: "`holdfast journal status {name}` shows how far each can be brought; a snapshot shows a state no earlier than its own.",
  },
  CLI_ONE_CAPTURE: {
    kind: "not-found",
    message: "there is no earlier snapshot of the source {name} in {location} to compare with",
    hint: "`holdfast drift {name} --live` compares the newest with the system as it is now.",
  },
  CLI_NO_OTHER_LOCATION: {
    kind: "invalid-input",
    message: "no other repository is named",
    hint: "Give --from-repo LOCATION or --from-repository-file FILE.",
  },
  CLI_SAME_REPOSITORY: {
    kind: "invalid-input",
    message: "{location} is both the repository and the one of --from-repo",
    hint: "Name two different repositories.",
  },
  CLI_FILE_UNREADABLE: { kind: "not-found", message: "{what} {path} cannot be read: {reason}" },
  CLI_PASSWORD_EMPTY: {
    kind: "invalid-input",
    message: "the password is empty",
    hint: "Give a password, or --insecure-no-password for a repository that anybody who reaches it may read.",
  },
  CLI_PASSWORD_MISSING: {
    kind: "invalid-input",
    message: "the {what} was not given, and standard input, where it was asked for, is at its end",
    hint: "Give --password-file, --password-command or HOLDFAST_PASSWORD (for the other repository --from-password-file, for a new password --new-password-file), or run this on a terminal to type it.",
  },
  CLI_PASSWORD_FILE: {
    kind: "not-found",
    message: "the password file {path} cannot be read: {reason}",
    hint: "{from} names it: correct the path, or the permissions of the file, which this user must be able to read.",
  },
  CLI_PASSWORDS_DIFFER: { kind: "invalid-input", message: "the two passwords are not the same" },
  CLI_PASSWORD_STDIN: {
    kind: "invalid-input",
    message: "standard input cannot give both the password and the data",
    hint: "Use --password-file, --password-command or HOLDFAST_PASSWORD.",
  },
  CLI_PASSWORD_COMMAND: {
    kind: "external-tool",
    message: "the password command failed: {reason}",
    hint: "Run the command by hand. It is split into words as a shell would, but no shell runs it.",
  },

  // Forgetting
  CLI_FORGET_NOTHING_SAID: {
    kind: "invalid-input",
    message: "nothing says what is to be forgotten",
    hint: "Name snapshots, or say what is to be kept, such as --keep-daily 7 --keep-weekly 5 --keep-monthly 12.",
  },
  CLI_FORGET_UNREADABLE: {
    kind: "corrupt",
    message: "nothing was forgotten, since snapshots cannot be read, and one may be the newest good one: {ids}",
    hint: "Copy their files back from another copy of the repository, into the folder snapshots. If they are lost, `holdfast repair snapshots --forget` removes them.",
  },
  CLI_FORGET_STOPPED: {
    kind: "conflict",
    message: "nothing was forgotten: {reasons}",
    hint: "When it is as it should be, add {flags}.",
  },
  CLI_NEEDS_PLAN: {
    kind: "permission",
    message: "`{command}` would remove files at once, and this server removes only by plans: nothing was changed",
    hint: "Only `holdfast forget` and `holdfast prune` propose plans. For this, whoever runs the server starts it without --removal-delay and --approvers for that while.",
  },
  CLI_NO_PLANS: {
    kind: "unsupported",
    message: "{location}: nothing is removed by plans there",
    hint: "Plans are a matter of `holdfast serve repository` with --removal-delay or --approvers.",
  },
  CLI_PLAN_UNKNOWN: {
    kind: "not-found",
    message: "there is no plan whose hash begins with {hash}",
    hint: "`holdfast removal list --all` shows the plans of a repository.",
  },
  CLI_PLAN_AMBIGUOUS: {
    kind: "invalid-input",
    message: "the hashes of several plans begin with {hash}",
    hint: "Give more digits.",
  },
  CLI_PLAN_OVER: { kind: "conflict", message: "the plan {hash} is {state}: nothing can be decided about it any more" },
  CLI_SIGN_FAILED: {
    kind: "external-tool",
    message: "nothing was signed with {key}: {reason}",
    hint: "Try `ssh-keygen -Y sign -f KEY -n holdfast-plan` by hand; it is part of OpenSSH's client, 8.2 or newer.",
  },
  CLI_FORGET_KEPT: {
    kind: "conflict",
    message: "nothing was forgotten, since snapshots that were named must stay: {reasons}",
    hint: "Holds end with `holdfast hold release`, pins with `holdfast tag --remove pinned`; --min-age 0 and --keep-at-least 0 turn those floors off.",
  },
  CLI_FORGET_PLAN_CHANGED: {
    kind: "conflict",
    message: "nothing was forgotten: the plan is another by now, with the hash {hash}",
    hint: "Snapshots came or went, something became old enough, or the rules are not the same. Look at it with --plan-only.",
  },

  // Object lock
  CLI_NO_OBJECT_LOCK: {
    kind: "unsupported",
    message: "{location}: nothing here says that files are locked against deletion",
    hint: "For a bucket that was made with object lock, give -o s3.retention-mode=compliance (or governance) and -o s3.retention-days=N, as for the backups.",
  },
  CLI_NO_LOCKS_HERE: {
    kind: "unsupported",
    message: "{location}: a place of this kind has no locks against deletion",
    hint: "Buckets with object lock have them (s3:). `holdfast serve repository --min-age` is the like for a server of your own.",
  },

  // Running
  CLI_SOURCE_COMMAND: {
    kind: "external-tool",
    message: "the command '{command}' failed: {reason}",
    hint: "No snapshot was made of its output.",
  },
  CLI_NO_CONTENT: {
    kind: "invalid-input",
    message: "'{path}' is of type {type}, which has no content to print",
    hint: "Name a file, or a folder that holds it.",
  },
  CLI_NOT_A_FOLDER: { kind: "invalid-input", message: "{what} is no folder", hint: "Name the folder that holds it." },
  CLI_WRITE_FAILED: { kind: "unavailable", message: "{path} cannot be written: {reason}" },
  CLI_SPOOL_TAKEN: {
    kind: "conflict",
    message: "the process {pid} fills the folder {folder} already",
    hint: "One follower of a journal is enough. If there is none, remove {path}.",
  },
  CLI_INTERRUPTED: { kind: "cancelled", message: "interrupted by {signal}" },
} as const satisfies Record<string, ErrorTemplate>;

export const cliError = errorMaker(CLI_ERRORS);
