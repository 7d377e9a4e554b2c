/** Every error that the engine may raise, by topic. `docs/errors.md` is generated from this table. */
import { errorMaker, type ErrorTemplate } from "@holdfast/base";

export const ENGINE_ERRORS = {
  // Identifiers and input
  ENGINE_INVALID_ID: { kind: "invalid-input", message: "'{text}' is not an id (64 lower-case hex digits)" },
  ENGINE_ID_NOT_FOUND: {
    kind: "not-found",
    message: "no {type} matches '{text}'",
    hint: "`holdfast {list}` shows what exists.",
  },
  ENGINE_ID_AMBIGUOUS: {
    kind: "invalid-input",
    message: "'{text}' matches several {type} files: {matches}",
    hint: "Give more digits.",
  },
  ENGINE_BLOB_ID_UNKNOWN: {
    kind: "not-found",
    message: "no {type} blob in the index has an id that begins with '{text}'",
    hint: "Give the whole id to search for one that the index does not list.",
  },
  ENGINE_BLOB_ID_AMBIGUOUS: {
    kind: "invalid-input",
    message: "'{text}' is the beginning of the ids of several {type} blobs: {matches}",
    hint: "Give more digits.",
  },
  ENGINE_INVALID_PATH: {
    kind: "invalid-input",
    message: "'{path}' holds half of a UTF-16 pair and so is not the name of any file",
  },

  // Repository
  ENGINE_NO_REPOSITORY: {
    kind: "not-found",
    message: "there is no repository at {location}",
    hint: "Check the path, or create one there with `holdfast init`.",
  },
  ENGINE_REPOSITORY_EXISTS: {
    kind: "conflict",
    message: "there is a repository at {location} already",
    hint: "Use it as it is, or choose another place.",
  },
  ENGINE_FOLDER_NOT_EMPTY: {
    kind: "conflict",
    message: "{location} holds keys or snapshots but no config, so no repository is made in it",
    hint: "If this was a repository, copy its file `config` back from another copy. Otherwise choose an empty folder.",
  },
  ENGINE_CONFIG_BROKEN: {
    kind: "corrupt",
    message: "the repository's config file is damaged: {reason}",
    hint: "Copy the file `config` back from another copy of this repository; only an upgrade by `migrate` ever changes it.",
  },
  ENGINE_VERSION_UNSUPPORTED: {
    kind: "unsupported",
    message: "repository version {version} is not supported (1 and 2 are)",
    hint: "Use the program that made it, or a newer version of Holdfast. Nothing was changed.",
  },
  ENGINE_WRONG_PASSWORD: {
    kind: "wrong-key",
    message: "wrong password, or no key of this repository fits it",
    hint: "Check the password file, the command or HOLDFAST_PASSWORD that it comes from, and that this is the right repository.",
  },
  ENGINE_NO_KEY: {
    kind: "corrupt",
    message: "the repository at {location} has no key file that can be read",
    hint: "Copy the folder `keys` back from another copy of this repository.",
  },
  ENGINE_KEYS_LEFT: {
    kind: "wrong-key",
    message:
      "the password fits none of the {tried} key files that were tried; {left} more were not, as each takes its time",
    hint: "Give the name of your key's file in the folder `keys`, or its beginning, with --key-hint. Files there that nobody made do not belong to the repository.",
  },
  ENGINE_KEY_IN_USE: {
    kind: "invalid-input",
    message: "key {id} opened this session and is not removed",
    hint: "Open the repository with another password to remove this one.",
  },
  ENGINE_LOCKED: {
    kind: "locked",
    message: "the repository is locked {mode}: process {pid} of {user} on {host}, since {since}",
    hint: "Wait, use --retry-lock 10m, or run `holdfast unlock` if that process is gone.",
  },
  ENGINE_LOCK_UNREADABLE: {
    kind: "locked",
    message: "the lock {id} cannot be read and may be anybody's: it counts as exclusive until it is 30 minutes old",
    hint: "Wait, or remove it with `holdfast unlock --remove-all` if nobody works on the repository.",
  },
  ENGINE_LOCK_LOST: {
    kind: "locked",
    message: "the lock of this run was removed or could not be refreshed for {minutes} minutes",
    hint: "Somebody ran unlock, or the store was out of reach. Run the command again.",
  },

  // Damage
  ENGINE_UNAUTHENTIC: {
    kind: "corrupt",
    message: "{what} is damaged: its authentication code does not match",
    hint: "Run `holdfast check --read-data` for the full extent.",
  },
  ENGINE_WRONG_HASH: {
    kind: "corrupt",
    message: "{what} is damaged: its content does not have the hash that names it",
    hint: "Run `holdfast check --read-data` for the full extent.",
  },
  ENGINE_NOT_AS_STORED: {
    kind: "corrupt",
    message: "{location}: pack {pack} was stored and cannot be read back: {reason}",
    hint: "The place does not keep what it is given: look at its disk, memory and server. Nothing refers to that pack, and no snapshot that needs it was written. Run this again when the place is in order; `holdfast check --read-data` tells what else is wrong there.",
  },
  ENGINE_MALFORMED: {
    kind: "corrupt",
    message: "{what} is malformed: {reason}",
    hint: "Run `holdfast check` for the full extent.",
  },
  ENGINE_DECOMPRESS: {
    kind: "corrupt",
    message: "{what} does not decompress to the size that is recorded: {reason}",
    hint: "Run `holdfast check --read-data` for the full extent.",
  },
  ENGINE_BLOB_MISSING: {
    kind: "corrupt",
    message: "the {type} blob {id} is not in the index",
    hint: "Run `holdfast repair index`; if it stays missing, `holdfast check` shows what is affected.",
  },
  ENGINE_TREE_UNSAFE_NAME: {
    kind: "corrupt",
    message: "a tree names an entry '{name}', which would lead out of its folder",
    hint: "The entry is left alone. Run `holdfast check` to see which snapshots hold it.",
  },
  ENGINE_REPAIR_STALE: {
    kind: "conflict",
    message: "{what} no longer reads as it did when the repair was planned",
    hint: "Nothing was removed. Plan the repair again.",
  },
  ENGINE_TREE_CYCLE: {
    kind: "corrupt",
    message: "the folder '{path}' contains itself (tree {id})",
    hint: "Run `holdfast check` for the full extent.",
  },

  // Forgetting
  ENGINE_HELD: {
    kind: "conflict",
    message: "snapshot {snapshot} is held by {holds}",
    hint: "Ask its owner. `holdfast hold release {id}` ends the hold.",
  },
  ENGINE_HOLD_DAMAGED: {
    kind: "corrupt",
    message: "hold {id} cannot be read, so nothing is removed: {reason}",
    hint: "Copy the file holdfast/holds/{id} back from another copy of the repository, or end the hold with `holdfast hold release {id}`.",
  },
  ENGINE_FORGOTTEN_DAMAGED: {
    kind: "corrupt",
    message: "forgotten snapshot {id} cannot be read, so nothing is removed: {reason}",
    hint: "Copy the file holdfast/forgotten/{id} back from another copy of the repository, or give the snapshot up with `holdfast unforget --give-up {id}`.",
  },
  ENGINE_NOT_FORGOTTEN: {
    kind: "not-found",
    message: "no forgotten snapshot matches '{text}'",
    hint: "`holdfast unforget --list` shows what can be brought back.",
  },
  ENGINE_COPY_DIFFERS: {
    kind: "unavailable",
    message: "the {type} file {id} was stored, but does not come back as it was",
    hint: "The store cannot be trusted at present. The snapshot is where it was; nothing was removed.",
  },

  // Pruning
  ENGINE_PRUNE_LOST: {
    kind: "corrupt",
    message:
      "data that {snapshots} snapshots need is not in the repository, so nothing is removed. {paths} paths lack something: {named}",
    hint: "Run `holdfast check` for all of it, then `holdfast repair index`. Back up again: that stores anew what is still there. What stays lost: `holdfast repair snapshots --forget`. Then prune.",
  },
  ENGINE_PRUNE_PACKS: {
    kind: "corrupt",
    message: "{count} packs that snapshots need are not as the index says, so nothing is removed: {named}",
    hint: "Bring these packs back from another copy of the repository, or run `holdfast repair index` and `holdfast check`. Then prune.",
  },
  ENGINE_PRUNE_DAMAGED: {
    kind: "corrupt",
    message:
      "{blobs} blobs that snapshots need cannot be read, so nothing that is needed was removed ({reason}). They are in the packs {packs}",
    hint: "Run `holdfast check --read-data`, then `holdfast repair packs` for these packs. Then prune.",
  },
  ENGINE_PRUNE_STALE: {
    kind: "conflict",
    message: "{what} came or went while prune was at work, so it stops",
    hint: "Somebody did not respect the lock. Run `holdfast check`; if it names packs or blobs that no index lists, run `holdfast repair index`. Then prune.",
  },
  ENGINE_LOCK_TOO_SHORT: {
    kind: "invalid-input",
    message:
      "locks of {given} are too short: the job leaves alone what has {margin} to go, and would have to extend all in each run",
    hint: "Give `--for` more days, or run the job more often and say so with `--every`.",
  },
  ENGINE_NEEDED_LOST: {
    kind: "not-found",
    message: "{what} is needed, and is not there as it was stored",
    hint: "Run `holdfast check`. If somebody hid or overwrote it, it is still there as of a time before: `-o s3.as-of`.",
  },
  ENGINE_PRUNE_FULL: {
    kind: "unavailable",
    message:
      "there is no space to move data that is still needed; {removedPacks} packs ({removedBytes} bytes) that nothing needs were removed",
    hint: "Run prune again if that made room enough, or with --max-repack-size to move less at a time; 0 moves nothing.",
  },
  ENGINE_PRUNE_UNSAFE: {
    kind: "internal",
    message: "prune stops before anything that is needed was removed: {reason}",
    hint: "Run `holdfast check`. If it finds nothing, this is a defect in Holdfast: please report it with the text above.",
  },
  ENGINE_PRUNE_VERSION: {
    kind: "unsupported",
    message: "a repository of version 1 has no compression",
    hint: "Leave out --repack-uncompressed, or run `holdfast migrate upgrade_repo_v2` first.",
  },

  // Rewriting and upgrading
  ENGINE_TREE_NOT_KNOWN: {
    kind: "unsupported",
    message: "the folder '{path}' (tree {id}) cannot be rewritten without losing something: {reason}",
    hint: "It was made by another program or a newer version: rewrite with that one. What else was asked for was done.",
  },
  ENGINE_MIGRATION_NOT_POSSIBLE: {
    kind: "invalid-input",
    message: "the migration '{name}' cannot be applied: {reason}",
    hint: "`holdfast migrate` lists those that can.",
  },
  ENGINE_MIGRATION_DAMAGED: {
    kind: "corrupt",
    message: "the repository is damaged ({findings} findings), so it is left as it is",
    hint: "Run `holdfast check`, repair the damage, and upgrade then.",
  },
  ENGINE_CONFIG_NOT_REPLACED: {
    kind: "unavailable",
    message: "the repository's config could not be replaced: {reason}; {restored}",
    hint: "Run it again. If the repository has no config now, `holdfast migrate --restore-config FILE` puts the copy back.",
  },

  // Browsing
  ENGINE_PATH_NOT_ABSOLUTE: {
    kind: "invalid-input",
    message: "'{path}' does not begin with a slash",
    hint: "Paths inside a snapshot are absolute, such as /home/anna.",
  },
  ENGINE_NAME_TOO_LONG: {
    kind: "unsupported",
    message: "'{path}' is too long for a {format} archive",
    hint: "Use the tar format.",
  },

  // Index
  ENGINE_INDEX_DAMAGED: {
    kind: "corrupt",
    message: "index {id} cannot be used: {reason}",
    hint: "Run `holdfast repair index` first. Without the whole index, what is there would be taken for lost.",
  },
  ENGINE_INDEX_FULL: {
    kind: "unavailable",
    message: "the index holds {count} entries and cannot grow to {bytes} bytes",
    hint: "Give the process more memory; an index takes about 60 bytes a blob.",
  },

  // Patterns and file lists
  ENGINE_PATTERN_INVALID: {
    kind: "invalid-input",
    message: "these patterns cannot be understood: {patterns}",
    hint: "Close every `[`, leave no `\\` at the end, and write a literal `*`, `?` or `[` with a `\\` before it.",
  },
  ENGINE_SIZE_INVALID: {
    kind: "invalid-input",
    message: "'{text}' is not a size",
    hint: "Give a number of bytes, or one with k, m, g or t after it, such as 20m.",
  },
  ENGINE_TAG_FILE_INVALID: {
    kind: "invalid-input",
    message: "'{text}' names no file to look for in folders",
    hint: "Give a file name, or a name and the start of its content, as in NAME:HEADER.",
  },
  ENGINE_FILE_LIST_INVALID: {
    kind: "invalid-input",
    message: "the list of files is not usable: {reason}",
  },
  // Platform
  ENGINE_NO_FFI: {
    kind: "unsupported",
    message: "this Node ({node}) gives no access to the functions of the system's C library",
    hint: "Run Holdfast with Node 26.1 or later, without --permission or with --allow-ffi.",
  },

  // Restore
  ENGINE_DELETE_EVERYTHING: {
    kind: "invalid-input",
    message: "restoring into / with deletion would remove everything that the snapshot lacks",
    hint: "Choose with --include or --exclude what may be touched, or restore into another folder.",
  },
  ENGINE_COPY_STALLED: {
    kind: "unavailable",
    transient: true,
    message: "{location} is too slow to wait for: {reason}",
    hint: "Look at the place and the line to it. Run the command again: what is restored already is not read again.",
  },
  ENGINE_COPY_DAMAGED: {
    kind: "corrupt",
    message: "{location} is damaged: {packs} packs could not be read",
    hint: "`holdfast repair packs --from-repo` brings back what another copy still has.",
  },
  ENGINE_TARGET_FULL: {
    kind: "unavailable",
    message: "there is no space left where files are restored",
    hint: "Make room and run the command again: what is restored already is not read again.",
  },
  ENGINE_TARGET_UNUSABLE: {
    kind: "invalid-input",
    message: "cannot restore into {target}: {reason}",
    hint: "Give a folder that you may write to.",
  },

  // Running
  ENGINE_ABORTED: { kind: "cancelled", message: "the run was ended" },
  ENGINE_WORKER_DIED: {
    kind: "internal",
    message: "a worker thread ended unexpectedly (exit code {exitCode})",
    hint: "The memory limit may be too low. What was stored so far is kept; run the command again.",
  },
  ENGINE_WORKER_FAILED: {
    kind: "internal",
    message: "a worker thread failed: {reason}",
    hint: "This is a defect in Holdfast: please report it with the text above. What was stored so far is kept.",
  },
  ENGINE_PATH_NOT_FOUND: {
    kind: "not-found",
    message: "the snapshot has no '{path}'",
    hint: "Look with `holdfast ls latest`.",
  },
  ENGINE_NOTHING_TO_BACK_UP: {
    kind: "invalid-input",
    message: "nothing to back up: {reason}",
    hint: "Name at least one file or folder that exists and is not excluded.",
  },
  ENGINE_GIVEN_PATH: {
    kind: "invalid-input",
    message: "what a source gave cannot be stored as '{path}': {reason}",
  },
  ENGINE_GIVEN_ABSENT: {
    kind: "corrupt",
    message: "'{path}' cannot be taken over from an earlier snapshot: the repository has lost {id}",
    hint: "`holdfast check` says what else is lost, `holdfast repair packs` brings it back from another copy.",
  },
} as const satisfies Record<string, ErrorTemplate>;

export const engineError = errorMaker(ENGINE_ERRORS);
