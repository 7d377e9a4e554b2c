/** Every error that sources may raise, by topic. `docs/errors.md` is generated from this table. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const SOURCES_ERRORS = {
  // What is needed
  SOURCES_TOOL_MISSING: {
    kind: "external-tool",
    message: "{source} needs the program {tool}, which is not there",
    hint: "{how}",
  },
  SOURCES_TOOL_TOO_OLD: {
    kind: "external-tool",
    message: "{source} needs {tool} of version {needed} or newer, and there is {found}",
    hint: "{how}",
  },
  SOURCES_TOOL_FAILED: {
    kind: "external-tool",
    message: "{tool} failed for {source}: {reason}",
  },
  SOURCES_TOO_LONG: {
    kind: "external-tool",
    message: "{what} of {source} took longer than {limit}",
    hint: "Give it more time with the setting {setting}, or find out what it waits for.",
  },
  SOURCES_UNREACHABLE: {
    kind: "unavailable",
    message: "{source} cannot be reached: {reason}",
    hint: "Check that it runs, and that its address in the configuration is right.",
    transient: true,
  },
  SOURCES_CREDENTIALS: {
    kind: "permission",
    message: "{source} refuses to let us in: {reason}",
    hint: "Check user and password in the configuration; the guide of this kind of source says which rights it needs.",
  },
  SOURCES_BUSY: {
    kind: "conflict",
    message: "{source} is in use: {reason}",
    hint: "Wait until that has ended, then try again.",
  },
  SOURCES_RIGHTS: {
    kind: "permission",
    message: "{source} does not let {role} do what is needed: {reason}",
    hint: "{how}",
  },
  SOURCES_INTERRUPTED: {
    kind: "unavailable",
    message: "{source} was interrupted by its server: {reason}",
    hint: "{how}",
    transient: true,
  },
  SOURCES_SETTINGS: {
    kind: "invalid-input",
    message: "the settings of {source} are not usable: {reason}",
    hint: "`holdfast config schema` describes each setting.",
  },

  SOURCES_NO_ROOM: {
    kind: "unavailable",
    message: "{source} needs more room: {reason}",
    hint: "Make room, or name another folder with the setting scratch.",
  },

  // What comes out
  SOURCES_STRUCTURE_CHANGED: {
    kind: "conflict",
    message:
      "tables of {source} were changed, renamed or dropped while they were captured, so no snapshot is made: {reason}",
    hint: "Capture it when no migration runs.",
    transient: true,
  },
  SOURCES_EMPTY: {
    kind: "external-tool",
    message: "{source} gave {actual} where at least {expected} were expected, so no snapshot is made",
    hint: "Run the command by hand. If so little is right, lower the setting minimum-size.",
  },
  SOURCES_DAMAGED: {
    kind: "corrupt",
    message: "the snapshot does not hold a whole capture: {what}: {reason}",
    hint: "Take another snapshot of this source. `holdfast check --read-data` says whether the repository is damaged.",
  },

  // Journals
  SOURCES_NO_JOURNAL: {
    kind: "unsupported",
    message: "{source} is of the kind {kind}, which has no journal",
  },
  SOURCES_NOT_JOURNAL: {
    kind: "invalid-input",
    message: "{path} is no file of a journal: {reason}",
  },
  SOURCES_JOURNAL_DIFFERS: {
    kind: "conflict",
    message: "the repository has another {name} of the same server already, so nothing was stored",
    hint: "Two servers with one origin both write this journal: after a failover only one of them may, or each needs a source of its own.",
  },
  SOURCES_JOURNAL_BUSY: {
    kind: "conflict",
    message: "so many others write to this journal that its newest snapshot does not hold all of it",
    hint: "Try again. What was stored is not lost, and the next push puts it together.",
    transient: true,
  },
  SOURCES_JOURNAL_REMOVED: {
    kind: "conflict",
    message: "the server of {source} no longer has what comes next in its journal, so a part is missing: {reason}",
    hint: "Take a new backup now: the ones before it cannot be brought beyond that part.",
  },
  SOURCES_NO_JOURNAL_FILE: {
    kind: "not-found",
    message: "the journal in the repository has no {name}",
  },
  SOURCES_JOURNAL_GAP: {
    kind: "conflict",
    message: "the journal cannot bring {source} to {target}: {reason}",
    hint: "`holdfast journal status` shows how far each snapshot can be brought.",
  },
  SOURCES_TARGET_UNCLEAR: {
    kind: "invalid-input",
    message: "'{text}' does not say up to where",
    hint: "Give latest, a time with its zone such as 2026-11-29T06:00:00+01:00, name:NAME, or a place such as lsn:0/3000028.",
  },

  // Where it goes
  SOURCES_NO_FOLDER: {
    kind: "invalid-input",
    message: "{source} can only be restored so into a folder, and none was named",
    hint: "Name an empty one with --target.",
  },
  SOURCES_FORM_UNKNOWN: {
    kind: "invalid-input",
    message: "{source} cannot be restored as '{form}'",
    hint: "It can be restored as {forms}.",
  },
  SOURCES_TARGET_NOT_EMPTY: {
    kind: "conflict",
    message: "{target} is not empty, so nothing was restored into it",
    hint: "Choose an empty place, or give --replace to replace what is there.",
  },
  SOURCES_TARGET_RUNNING: {
    kind: "conflict",
    message: "{target} is in use by a server that runs, so nothing was restored over it",
    hint: "Stop it first, or restore to another place.",
  },
  SOURCES_TARGET_IN_USE: {
    kind: "conflict",
    message: "{target} is in use: {by}",
    hint: "{how}",
  },
  SOURCES_UNSUPPORTED: {
    kind: "unsupported",
    message: "{source}: {what} is not possible: {reason}",
  },
} as const satisfies Record<string, ErrorTemplate>;

/** Makes one of these errors. */
export const sourcesError = errorMaker(SOURCES_ERRORS);
