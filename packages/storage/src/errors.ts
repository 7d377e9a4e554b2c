/** Every error that a backend may raise. `docs/errors.md` is generated from these tables. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const STORAGE_ERRORS = {
  STORAGE_NOT_FOUND: { kind: "not-found", message: "{location}: there is no {type} file {name}" },
  STORAGE_EXISTS: { kind: "conflict", message: "{location}: the {type} file {name} exists already" },
  STORAGE_RANGE: {
    kind: "corrupt",
    message: "{location}: the {type} file {name} ends before byte {end}",
    hint: "The file is shorter than the index says. Run `holdfast check` to see what is affected.",
  },
  STORAGE_FULL: {
    kind: "unavailable",
    message: "{location}: no space left",
    hint: "Free space there, or use another repository. What was written so far stays usable; the next run goes on from it.",
  },
  STORAGE_PERMISSION: {
    kind: "permission",
    message: "{location}: no permission for {path}",
    hint: "Run as the user who owns the repository, or correct the permissions of that path. Commands that only read need no lock: --no-lock.",
  },
  STORAGE_READ_ONLY: {
    kind: "permission",
    message: "{location}: the place is read-only",
    hint: "Mount it writable, or add --no-lock for commands that only read.",
  },
  STORAGE_PAST: {
    kind: "permission",
    message: "{location}: this is how the repository was at that time, and nothing can be changed in it",
    hint: "Do without -o s3.as-of to work on the repository of now. `holdfast copy --from-repo` brings snapshots of then back into it.",
  },
  STORAGE_COLD: {
    kind: "unavailable",
    message:
      "{location}: the {type} file {name} is in a cold storage class ({storageClass}) and cannot be read at once",
    hint: "`-o s3.enable-restore=true` asks the store for all that is needed and waits for it, which takes minutes to hours and costs money; see -o s3.restore-tier and s3.restore-days.",
  },
  STORAGE_COLD_TIMEOUT: {
    kind: "unavailable",
    message: "{location}: the {type} file {name} is still not readable {hours} hours after it was asked for",
    hint: "Run this again later: what was asked for goes on meanwhile. `-o s3.restore-timeout` waits longer.",
  },
  STORAGE_RETAINED: {
    kind: "permission",
    message: "{location}: the {type} file {name} is locked until {until}, and not removed",
    hint: "Run this again when the lock is over.",
  },
  STORAGE_NO_FOLDER: {
    kind: "not-found",
    message: "{location}: the folder does not exist",
    hint: "Mount the disk or share that holds it, or create a repository there first.",
  },
  STORAGE_NOT_MOUNTED: {
    kind: "unavailable",
    message: "{location}: the volume of the repository is not there: {reason}",
    hint: "Attach and mount the disk or share, then run this again. Nothing was written. If the repository is gone for good, `-o local.new=true` lets init make another.",
  },
  STORAGE_NOT_A_FOLDER: {
    kind: "conflict",
    message: "{path} is not a folder, or lies below something that is none",
    hint: "Give the folder of the repository, or for a new one a folder that is empty or does not exist yet.",
  },
  STORAGE_WRITE_REFUSED: {
    kind: "permission",
    message: "{location}: opened for reading only, so {operation} is refused",
    hint: "Open the repository without the read-only option.",
  },
  STORAGE_APPEND_ONLY: {
    kind: "permission",
    message: "{location}: opened append-only, so the {type} file {name} is not removed",
    hint: "Remove data from a place that may do so; append-only access protects it against a taken-over host.",
  },
  STORAGE_UNPLANNED: {
    kind: "permission",
    message: "{location}: the {type} file {name} is named in no approved plan, so it is not removed",
    hint: "This server removes by plans: `holdfast forget` and `holdfast prune` propose them, `holdfast removal list` shows them.",
  },
  STORAGE_NO_PLAN: {
    kind: "not-found",
    message: "{location}: there is no such plan, or none at all in this place",
    hint: "`holdfast removal list` shows the plans of a repository.",
  },
  STORAGE_PLAN_REFUSED: { kind: "conflict", message: "{location}: {reason}" },
  STORAGE_PLAN_DAMAGED: {
    kind: "corrupt",
    message: "the plan {hash} is not what was registered: {reason}",
    hint: "Nothing is removed by it. Cancel it, and look at who could change it on its way or on the server.",
  },
  STORAGE_FAILED: { kind: "unavailable", message: "{location}: {reason}" },
  STORAGE_UNAVAILABLE: { kind: "unavailable", message: "{location}: {reason}", transient: true },
  STORAGE_INVALID_NAME: { kind: "invalid-input", message: "'{name}' is not a name of a {type} file" },
  STORAGE_INVALID_RANGE: {
    kind: "invalid-input",
    message: "offset {offset} and length {length} are not a range of a file",
  },
  STORAGE_BODY_SIZE: {
    kind: "internal",
    message: "the {type} file {name} was announced with {expected} bytes, but has {actual}",
  },
  STORAGE_TOO_LARGE: {
    kind: "corrupt",
    message: "{location}: the {type} file {name} is larger than the {maxBytes} bytes that such a file may have",
  },
  STORAGE_INVALID_LOCATION: {
    kind: "invalid-input",
    message: "'{location}' does not name a repository: {reason}",
    hint: "Give a folder, for example `-r /srv/backup`, or an address as restic writes it.",
  },
  STORAGE_NO_CREDENTIALS: {
    kind: "permission",
    message: "{location}: {missing} is not known",
    hint: "{how}",
  },
  STORAGE_CREDENTIALS_REFUSED: {
    kind: "permission",
    message: "{location}: the credentials were refused ({reason})",
    hint: "Look at user name, key or token; nothing was tried a second time, so that no account is locked.",
  },
  STORAGE_NO_PLACE: {
    kind: "not-found",
    message: "{location}: {what} does not exist",
    hint: "Correct the address, or make it first (`holdfast init` makes folders, but neither buckets nor containers).",
  },
  STORAGE_NO_OWN_FILES: {
    kind: "unsupported",
    message: "{location}: the server keeps the files that restic knows, and so no {type} files of Holdfast's",
    hint: "Reach the repository through Holdfast's own server, `rclone serve restic` or any other place; backup, restore, check, copy and prune work as it is.",
  },
  STORAGE_PROGRAM: {
    kind: "external-tool",
    message: "{location}: {program} does not do its work: {reason}",
    hint: "{how}",
  },
  STORAGE_UNTRUSTED: {
    kind: "permission",
    message: "{location}: the server cannot be trusted: {reason}",
    hint: "{how}",
  },
  STORAGE_INVALID_OPTION: {
    kind: "invalid-input",
    message: "the option {option} does not understand '{value}': {expected}",
  },
  STORAGE_NO_RETENTION: {
    kind: "unsupported",
    message: "{location}: what is stored there is not protected from deletion: {reason}",
    hint: "Use a bucket that was made with object lock, on a server that honours it, or do without the options of retention.",
  },
  STORAGE_UNSUPPORTED: {
    kind: "unsupported",
    message: "repositories at '{scheme}:' are not supported by this version",
    hint: "This version stores repositories in folders (also on mounted shares) and at sftp:, rest:, rclone:, webdav:, azure:, s3: and gs:.",
  },
} as const satisfies Record<string, ErrorTemplate>;

export const storageError = errorMaker(STORAGE_ERRORS);
