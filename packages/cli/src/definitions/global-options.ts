/** Options of every command; they may stand before or after its name. */
import type { OptionDefinition } from "./definition.ts";

export const GLOBAL_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: "-r, --repo <location>",
    description: "repository to work with: a folder, or an address as restic writes it",
    environment: "REPOSITORY",
    completes: "folder",
  },
  {
    flags: "--repository-file <file>",
    description: "file that holds the location of the repository",
    environment: "REPOSITORY_FILE",
    completes: "file",
  },
  {
    flags: "--config <file>",
    description: "configuration with repositories and sources, whose names may then be used",
    environment: "CONFIG",
    defaultText: "holdfast.yaml in ~/.config/holdfast or /etc/holdfast",
    completes: "file",
  },
  {
    flags: "-p, --password-file <file>",
    description: "file that holds the password of the repository",
    environment: "PASSWORD_FILE",
    completes: "file",
  },
  {
    flags: "--password-command <command>",
    description: "command that prints the password; split into words as a shell would, but run without a shell",
    environment: "PASSWORD_COMMAND",
    completes: "command",
  },
  {
    flags: "--key-hint <id>",
    description: "key to try first",
    environment: "KEY_HINT",
    completes: "nothing",
  },
  {
    flags: "--insecure-no-password",
    description: "the repository has an empty password: anybody who reaches it may read it",
  },
  { flags: "--json", description: "print results and progress as JSON" },
  { flags: "-q, --quiet", description: "print no progress and no messages, only results and errors" },
  {
    flags: "-v, --verbose",
    description: "print more; given twice, backup and restore also name every entry",
    repeatable: true,
  },
  { flags: "--no-cache", description: "keep no copies of the repository's metadata on this machine" },
  {
    flags: "--cache-dir <folder>",
    description: "folder for copies of the repository's metadata; also turns them on for a repository in a folder",
    environment: "CACHE_DIR",
    defaultText: "$XDG_CACHE_HOME/holdfast or ~/.cache/holdfast",
    completes: "folder",
  },
  { flags: "--cleanup-cache", description: "remove copies that the repository no longer has" },
  {
    flags: "--limit-upload <rate>",
    description: "send at most this many KiB per second to the repository",
    defaultText: "no limit",
    completes: "nothing",
  },
  {
    flags: "--limit-download <rate>",
    description: "read at most this many KiB per second from the repository",
    defaultText: "no limit",
    completes: "nothing",
  },
  {
    flags: "-o, --option <name=value>",
    description: "setting of the kind of place where the repository is, for example s3.region=eu-central-1",
    repeatable: true,
    completes: "nothing",
  },
  {
    flags: "--cacert <file>",
    description: "file (PEM) with the certificates that servers are trusted by, instead of the system's",
    environment: "CACERT",
    completes: "file",
  },
  {
    flags: "--tls-client-cert <file>",
    description: "file (PEM) with the certificate and the key by which this machine shows a server who it is",
    environment: "TLS_CLIENT_CERT",
    completes: "file",
  },
  {
    flags: "--insecure-tls",
    description: "do not verify the certificate of the server: anybody on the way may pretend to be it",
  },
  {
    flags: "--no-lock",
    description: "commands that only read do not lock the repository; for places that are read-only",
  },
  {
    flags: "--retry-lock <duration>",
    description: "wait this long for a lock that somebody else holds, for example 5m or 2h",
    defaultText: "do not wait",
    completes: "nothing",
  },
  {
    flags: "--retry-for <duration>",
    description:
      "keep trying this long when the repository is out of reach or too busy, for example 6h; when given, also at the start; 0 gives up at once",
    environment: "RETRY_FOR",
    defaultText: "15m",
    completes: "nothing",
  },
  {
    flags: "--compression <mode>",
    description: "how hard to compress what is stored",
    choices: ["off", "fastest", "auto", "better", "max"],
    environment: "COMPRESSION",
    defaultText: "auto",
  },
  {
    flags: "--pack-size <size>",
    description: "size of the files that hold the data in the repository, 4 to 128 MiB",
    environment: "PACK_SIZE",
    defaultText: "16",
    completes: "nothing",
  },
];

/** Variables that are read besides those that stand in for options. */
export const OTHER_VARIABLES: readonly { readonly name: string; readonly description: string }[] = [
  { name: "HOLDFAST_PASSWORD", description: "the password of the repository itself (also RESTIC_PASSWORD)" },
  { name: "HOLDFAST_FROM_PASSWORD", description: "the password of the repository that --from-repo names" },
  {
    name: "HOLDFAST_PROGRESS_FPS",
    description: "updates of the progress per second, also fractions such as 0.02 (also RESTIC_PROGRESS_FPS)",
  },
  { name: "HOLDFAST_DEBUG", description: "1 prints where in the program an unexpected error arose" },
  { name: "NO_COLOR", description: "any value turns colours off" },
  { name: "XDG_CACHE_HOME", description: "folder of caches" },
  { name: "XDG_STATE_HOME", description: "folder of what is remembered, such as the disks that held a repository" },
  { name: "SSH_AUTH_SOCK", description: "socket of the agent with the keys for sftp: repositories" },
];

/** Exit codes and what they say. */
export const EXIT_CODES: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: "success" },
  { code: 1, meaning: "failure" },
  { code: 2, meaning: "the command line is not understood" },
  {
    code: 3,
    meaning:
      "finished, but some data could not be read or restored, snapshots stayed that were to go, or something critical is not protected",
  },
  { code: 4, meaning: "nothing went wrong, but a plan for removals waits for approval, or for its time" },
  { code: 10, meaning: "there is no repository" },
  { code: 11, meaning: "the repository is locked by somebody else" },
  { code: 12, meaning: "wrong password" },
  { code: 20, meaning: "damage was found" },
  {
    code: 21,
    meaning: "the snapshot was made, and is empty or much smaller than the one before (with --fail-if-shrunk)",
  },
  { code: 22, meaning: "a system has changed since the snapshot that it was compared with" },
  { code: 130, meaning: "interrupted (143 by SIGTERM, 129 when the terminal was closed)" },
  { code: 141, meaning: "the reader of the output went away" },
];
