/** Definitions of the commands that make, show and bring back snapshots. */
import type { CommandDefinition } from "./definition.ts";
import {
  DRY_RUN,
  EXCLUDE_OPTIONS,
  COPIES_OPTIONS,
  GROUP_BY,
  INCLUDE_OPTIONS,
  LATEST_FILTERS,
  SNAPSHOT_FILTERS,
} from "./filter-options.ts";

const GROUP = "Saving and restoring:";
const GOES_ON = "What was stored so far is kept. Run it again to go on from there.";

const start: CommandDefinition = {
  name: "start",
  group: GROUP,
  summary: "protect this machine and prove that the copy can be restored",
  description: [
    "Asks nothing. Backs up the home folder without caches, and /etc, or the paths that are named; restores a random sample to a temporary folder and compares it with the snapshot and the source; checks the repository; and says what is proven.",
    "Unless a repository is named, it uses one in the user's data folder and makes it at the first run, with a random password in a file that only the user can read. The next run stores only what changed.",
  ],
  arguments: [
    {
      name: "path",
      description: "folder or file to protect instead of the home folder and /etc",
      variadic: true,
      completes: "file",
    },
  ],
  examples: [
    { command: "npm start", description: "Protect this machine." },
    { command: "holdfast start ~/Documents ~/Pictures", description: "Protect two folders." },
  ],
  exitCodes: [3, 20],
  whenInterrupted: GOES_ON,
  load: () => import("../commands/start.ts"),
};

const backup: CommandDefinition = {
  name: "backup",
  group: GROUP,
  summary: "make a snapshot of files and folders",
  description: [
    "Stores files and folders in the repository as a new snapshot. Only data that the repository does not have yet is stored; files that did not change since the parent snapshot are not even read.",
    "An interrupted backup leaves a correct repository. The next run finds what was stored and goes on from there.",
    "With a configuration, the names of its sources stand for databases, exports and the like, each of which is captured in its own way; without any path or name, all of them are.",
  ],
  arguments: [
    {
      name: "path",
      description: "files and folders to store, or sources of the configuration",
      variadic: true,
      completes: "file",
    },
  ],
  options: [
    {
      flags: "--parent <snapshot>",
      description: "snapshot to compare with",
      defaultText: "the latest of the same group",
      completes: "nothing",
    },
    { flags: "-f, --force", description: "read every file, whatever the parent snapshot says" },
    { ...GROUP_BY, description: `find the parent by these ${GROUP_BY.description}`, defaultText: "host,paths" },
    ...EXCLUDE_OPTIONS,
    {
      flags: "--exclude-caches",
      description: "leave out the contents of folders that are marked as a cache by CACHEDIR.TAG",
    },
    {
      flags: "--exclude-if-present <file[:header]>",
      description: "leave out the contents of folders that hold this file, if it begins with the header",
      repeatable: true,
      completes: "nothing",
    },
    {
      flags: "--exclude-larger-than <size>",
      description: "leave out files larger than this, for example 500k, 20M or 1G",
      completes: "nothing",
    },
    { flags: "-x, --one-file-system", description: "stay on the file systems of the given paths" },
    {
      flags: "--include-repository",
      description: "also store the folder of the repository itself, where it lies in the given paths",
    },
    {
      flags: "--files-from <file>",
      description: "read paths to store from a file, one a line, with patterns and comments; - is standard input",
      repeatable: true,
      completes: "file",
    },
    {
      flags: "--files-from-verbatim <file>",
      description: "read paths to store from a file, one a line, exactly as they stand",
      repeatable: true,
      completes: "file",
    },
    {
      flags: "--files-from-raw <file>",
      description: "read paths to store from a file, each ended by a NUL byte, as find -print0 writes them",
      repeatable: true,
      completes: "file",
    },
    { flags: "--stdin", description: "store what comes from standard input as one file" },
    {
      flags: "--stdin-filename <path>",
      description: "path of that file in the snapshot",
      defaultText: "stdin",
      completes: "nothing",
    },
    {
      flags: "--stdin-from-command",
      description:
        "run the arguments as a command and store its output as one file; when it fails, no snapshot is made",
    },
    {
      flags: "--tag <tags>",
      description: "tags of the snapshot, as in tag,tag",
      repeatable: true,
      completes: "nothing",
    },
    {
      flags: "-H, --host <host>",
      description: "host name of the snapshot",
      environment: "HOST",
      defaultText: "this machine's",
      completes: "nothing",
    },
    {
      flags: "--time <time>",
      description: "time of the snapshot, as in '2026-11-01 22:08:41'",
      defaultText: "now",
      completes: "nothing",
    },
    DRY_RUN,
    { flags: "--with-atime", description: "store when files were last read" },
    {
      flags: "--ignore-inode",
      description: "a new inode number or change time does not make a file changed",
      environment: "IGNORE_INODE",
    },
    {
      flags: "--ignore-ctime",
      description: "a new change time does not make a file changed",
      environment: "IGNORE_CTIME",
    },
    { flags: "--skip-if-unchanged", description: "make no snapshot when it would equal its parent" },
    {
      flags: "--read-concurrency <n>",
      description: "threads that read, hash and compress",
      environment: "READ_CONCURRENCY",
      defaultText: "one a core",
      completes: "nothing",
    },
    {
      flags: "--max-shrink <x%>",
      description:
        "warn when the backup holds less than the one before of the same host and paths by this share or more, in files or bytes; 100% to warn of empty ones only",
      defaultText: "30%",
      completes: "nothing",
    },
    {
      flags: "--fail-if-shrunk",
      description: "end with exit code 21 when there is that warning; the snapshot is made all the same",
    },
    {
      flags: "--verify-present <size>",
      description:
        "read again up to this much, drawn at random, of what the repository had already and this backup relies on, such as 64M; for repositories that several machines write to",
      defaultText: "nothing",
      completes: "nothing",
    },
    { flags: "--no-scan", description: "do not count files ahead; the progress then has no percentage" },
  ],
  examples: [
    { command: "holdfast -r /srv/backup backup ~/Documents ~/Pictures", description: "Store two folders." },
    {
      command: "holdfast backup / -x --exclude-caches -e '/var/tmp/*'",
      description: "Store a system, without other file systems.",
    },
    {
      command: "holdfast backup --stdin-from-command --stdin-filename db.sql -- pg_dump shop",
      description: "Store the output of a command.",
    },
  ],
  exitCodes: [3, 10, 11, 12, 20, 21],
  whenInterrupted: GOES_ON,
  load: () => import("../commands/backup.ts"),
};

const restore: CommandDefinition = {
  name: "restore",
  group: GROUP,
  summary: "bring a snapshot back as files",
  description: [
    "Writes the files of a snapshot, or of one folder in it, below a target folder. What the target has already, with the same content, is left as it is.",
    "With --from-repo, which may be given several times, other copies stand by. All are opened at once, a little of the snapshot is read from each, and the fastest is chosen; --prefer given keeps the order. What is damaged in it comes from another. When it is lost, comes to a halt, or becomes far slower, at the beginning or in the middle, the restore goes on from another, and touches nothing again that is restored.",
  ],
  arguments: [
    {
      name: "snapshot[:folder]",
      description:
        "an id or its beginning, or latest, latest~1 and so on; with a folder inside it; or a source of the configuration",
      required: true,
      completes: "nothing",
    },
  ],
  options: [
    { flags: "-t, --target <folder>", description: "folder to restore to", completes: "folder" },
    {
      flags: "--as <form>",
      description: "of a source: in which form, such as file, folder or command",
      completes: "nothing",
    },
    { flags: "--snapshot <id>", description: "of a source: this snapshot instead of the newest", completes: "nothing" },
    {
      flags: "--until <when>",
      description:
        "of a source: go on from the snapshot by the journal: latest, a time with its zone, name:NAME, or a place such as lsn:0/3000028",
      completes: "nothing",
    },
    {
      flags: "--set <setting=value>",
      description: "of a source: another setting for the place of the restored copy, such as path=/tmp/copy.db",
      repeatable: true,
      completes: "nothing",
    },
    {
      flags: "--replace",
      description: "of a source: what is there already may be replaced; without it, the restore is refused",
    },
    ...INCLUDE_OPTIONS,
    ...EXCLUDE_OPTIONS,
    {
      flags: "--overwrite <when>",
      description: "what to do with files that exist",
      choices: ["always", "if-changed", "if-newer", "never"],
      defaultText: "always",
    },
    { flags: "--delete", description: "remove what the target has and the snapshot has not" },
    { flags: "--verify", description: "read the restored files again and compare them with the snapshot" },
    { flags: "--sparse", description: "write long runs of zeros as holes" },
    DRY_RUN,
    ...LATEST_FILTERS,
    ...COPIES_OPTIONS,
  ],
  examples: [
    { command: "holdfast restore latest -t /tmp/restored", description: "Bring back the latest snapshot." },
    {
      command: "holdfast restore latest:/home/ada/Documents -t ~/Documents --overwrite never",
      description: "Bring back what is missing in a folder.",
    },
    {
      command:
        "holdfast restore latest -t /srv/restored --verify --from-repo sftp:den:/backup --from-repo /mnt/usb/backup",
      description: "Bring it back from whichever copy is alive and fast.",
    },
    { command: "holdfast restore 4f3c21aa -t / -i /etc --dry-run -vv", description: "Show what would be restored." },
  ],
  exitCodes: [3, 10, 11, 12, 20],
  whenInterrupted: "Run it again to go on: files that are complete are not written again.",
  load: () => import("../commands/restore.ts"),
};

const snapshots: CommandDefinition = {
  name: "snapshots",
  group: GROUP,
  summary: "list snapshots",
  description: ["Lists the snapshots of the repository, the oldest first."],
  arguments: [{ name: "snapshot", description: "only these snapshots", variadic: true, completes: "nothing" }],
  options: [
    ...SNAPSHOT_FILTERS,
    { flags: "-c, --compact", description: "one line a snapshot, without its paths" },
    GROUP_BY,
    {
      flags: "--latest <n>",
      description: "only the last n snapshots of each host and paths, or of each group",
      completes: "nothing",
    },
  ],
  examples: [
    { command: "holdfast snapshots --latest 1 --group-by host", description: "Show the last snapshot of each host." },
  ],
  exitCodes: [10, 11, 12],
  load: () => import("../commands/snapshots.ts"),
};

const ls: CommandDefinition = {
  name: "ls",
  group: GROUP,
  summary: "list the files of a snapshot",
  description: ["Lists everything in a snapshot, or what is in the given folders of it."],
  arguments: [
    {
      name: "snapshot[:folder]",
      description: "an id or its beginning, or latest, latest~1 and so on; with a folder inside it",
      required: true,
      completes: "nothing",
    },
    { name: "folder", description: "absolute path of a folder in the snapshot", variadic: true, completes: "nothing" },
  ],
  options: [
    { flags: "-l, --long", description: "show mode, owner, size and time" },
    { flags: "--recursive", description: "with folders: also what is below them" },
    { flags: "--human-readable", description: "with --long: sizes with units" },
    {
      flags: "-s, --sort <field>",
      description: "sort the entries",
      choices: ["name", "size", "time", "mtime", "atime", "ctime", "extension"],
      defaultText: "name",
    },
    { flags: "--reverse", description: "sort the other way round" },
    ...LATEST_FILTERS,
  ],
  examples: [
    { command: "holdfast ls latest -l /etc", description: "Show the folder /etc of the latest snapshot." },
    { command: "holdfast ls latest --json | jq .path", description: "All paths of the latest snapshot." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/ls.ts"),
};

const dump: CommandDefinition = {
  name: "dump",
  group: GROUP,
  summary: "print a file, or a folder as an archive",
  description: [
    "Writes the content of a file in a snapshot to standard output. A folder is written as a tar or zip archive.",
  ],
  arguments: [
    {
      name: "snapshot[:folder]",
      description: "an id or its beginning, or latest, latest~1 and so on; with a folder inside it",
      required: true,
      completes: "nothing",
    },
    {
      name: "path",
      description: "absolute path of a file or folder in the snapshot",
      required: true,
      completes: "nothing",
    },
  ],
  options: [
    {
      flags: "-a, --archive <format>",
      description: "form of the archive of a folder",
      choices: ["tar", "zip"],
      defaultText: "tar",
    },
    { flags: "-t, --target <file>", description: "write to this file instead", completes: "file" },
    ...LATEST_FILTERS,
  ],
  examples: [
    { command: "holdfast dump latest /db.sql | psql shop", description: "Feed a stored file to a program." },
    { command: "holdfast dump -a zip -t home.zip latest /home", description: "Write a folder to a zip archive." },
  ],
  exitCodes: [10, 11, 12, 20],
  load: () => import("../commands/dump.ts"),
};

export const SAVING_COMMANDS: readonly CommandDefinition[] = [start, backup, restore, snapshots, ls, dump];
