/** Definitions of the commands that run servers. */
import type { CommandDefinition, OptionDefinition } from "./definition.ts";

const ROLES = ["restore", "write-only", "append-only", "maintenance", "admin"] as const;

const CLIENTS_FILE: OptionDefinition = {
  flags: "--clients <file>",
  description: "file of clients: who may use the server, for which repositories, and how",
  environment: "SERVER_CLIENTS",
  completes: "file",
};

const STATE_FOLDER: OptionDefinition = {
  flags: "--state <folder>",
  description: "folder for the server's own records: what is in the trash, who stored what and when",
  defaultText: ".holdfast-server in the root, if that is a local folder",
  completes: "folder",
};

const ROOT = {
  name: "root",
  description: "place below which the repositories are: a folder, or an address as restic writes it",
  required: true,
  completes: "folder",
} as const;

const repository: CommandDefinition = {
  name: "repository",
  summary: "serve repositories to other machines",
  description: [
    "Serves repositories over restic's REST protocol, for Holdfast, restic and rustic: `-r rest:https://NAME:TOKEN@backup.example.org:8000/den`. They lie in a folder, or in any place that Holdfast can use.",
    "What a client may do is decided here and not on its machine. A role of append-only adds and never removes; write-only cannot read stored data either; restore only reads; maintenance removes what forget and prune remove; admin may also change keys. The name of every file is compared with its content before the file becomes visible.",
    "What is removed can come back for some days, see `holdfast serve trash`. With --min-age nothing younger is removed, whoever asks.",
    "With --removal-delay or --approvers nothing but locks is removed unless a plan names it that was registered here, has waited, and was signed by as many approvers as are needed, none of whom uses the client that asks; see `holdfast removal`. Clients of restic's protocol that remove are refused until then.",
    "SIGHUP makes it read clients and certificate anew, and open the log anew; changes of the file of clients are also noticed within seconds. SIGTERM ends it when requests under way are done, after 30 seconds at the latest.",
  ],
  arguments: [ROOT],
  options: [
    {
      flags: "--listen <address>",
      description: "address and port; port 0 takes a free one",
      defaultText: "127.0.0.1:8000",
      completes: "nothing",
    },
    CLIENTS_FILE,
    {
      flags: "--anonymous <role>",
      description: "let everybody on this machine in, with this role, instead of a file of clients",
      choices: ROLES,
    },
    {
      flags: "--tls-certificate <file>",
      description: "certificate of this server with its chain, in PEM",
      completes: "file",
    },
    { flags: "--tls-key <file>", description: "private key of the certificate, in PEM", completes: "file" },
    {
      flags: "--insecure-plain-http",
      description: "serve other machines without TLS: passwords and locks can be read and changed on their way",
    },
    {
      flags: "--min-age <duration>",
      description: "remove nothing that was received less than this ago, for example 14d",
      defaultText: "0",
      completes: "nothing",
    },
    {
      flags: "--trash-grace <duration>",
      description: "how long what was removed can be brought back; 0 for not at all",
      defaultText: "7d",
      completes: "nothing",
    },
    {
      flags: "--removal-delay <duration>",
      description: "remove files only by plans, so long after each was proposed",
      defaultText: "24h with --approvers, else nothing needs a plan",
      completes: "nothing",
    },
    {
      flags: "--approvers <file>",
      description: "remove files only by plans that people have approved: their SSH keys, as OpenSSH's allowed signers",
      completes: "file",
    },
    {
      flags: "--approvals <n>",
      description: "how many of the approvers have to approve a plan",
      defaultText: "2 with --approvers",
      completes: "nothing",
    },
    {
      flags: "--plan-expiry <duration>",
      description: "how long after its proposal a plan can be approved and carried out",
      defaultText: "72h",
      completes: "nothing",
    },
    STATE_FOLDER,
    {
      flags: "--metrics <address>",
      description: "address of this machine at which Prometheus finds /metrics, for example 127.0.0.1:9100",
      defaultText: "nowhere",
      completes: "nothing",
    },
    {
      flags: "--log <file>",
      description: "write a line of JSON for each request to this file; - is standard output",
      completes: "file",
    },
  ],
  examples: [
    {
      command: "holdfast serve client add den --role append-only --clients /etc/holdfast/clients.json",
      description: "Make a client; its token is printed once.",
    },
    {
      command:
        "holdfast serve repository /srv/backups --listen :8000 --clients /etc/holdfast/clients.json --min-age 14d --log /var/log/holdfast.jsonl",
      description: "Serve this machine, for example behind a proxy that does TLS.",
    },
    {
      command:
        "holdfast serve repository /srv/backups --listen 0.0.0.0:8000 --tls-certificate cert.pem --tls-key key.pem --clients clients.json",
      description: "Serve other machines.",
    },
    {
      command:
        "holdfast serve repository /srv/backups --clients clients.json --approvers /etc/holdfast/approvers --approvals 2 --removal-delay 24h",
      description: "Let two people approve each removal.",
    },
  ],
  graceMs: 35_000,
  load: () => import("../commands/serve-repository.ts"),
};

const client: CommandDefinition = {
  name: "client",
  summary: "list, add and remove clients of a server",
  description: ["Changes the file of clients. A server that runs notices within seconds."],
  subcommands: [
    {
      name: "add",
      summary: "add a client",
      description: [
        "Adds a client, and prints a token that takes the place of its password: this once, as only its hash is kept. With --new-password-file the client gets that password instead.",
        "Give each machine a client of its own, with a repository of its own.",
      ],
      arguments: [{ name: "name", description: "name of the client", required: true, completes: "nothing" }],
      options: [
        { flags: "--role <role>", description: "what the client may do", choices: ROLES, defaultText: "append-only" },
        {
          flags: "--repository <name>",
          description: "repository that it may use; name/* for all below, * for all",
          defaultText: "the one of its own name",
          repeatable: true,
          completes: "nothing",
        },
        {
          flags: "--quota <size>",
          description: "what its files may take up, as in 500g",
          defaultText: "no limit",
          completes: "nothing",
        },
        {
          flags: "--person <name>",
          description: "who uses it, by the name as an approver: this person does not approve what the client proposes",
          completes: "nothing",
        },
        {
          flags: "--new-password-file <file>",
          description: "file that holds a password for the client",
          completes: "file",
        },
        CLIENTS_FILE,
      ],
      examples: [
        {
          command: "holdfast serve client add den --role append-only --quota 500g --clients clients.json",
          description: "A machine that may add to its own repository.",
        },
        {
          command: "holdfast serve client add keeper --role maintenance --repository '*' --clients clients.json",
          description: "Who runs forget and prune, for all repositories.",
        },
      ],
      load: () => import("../commands/serve-client-add.ts"),
    },
    {
      name: "list",
      summary: "list the clients",
      description: ["Lists the clients, without any secret."],
      options: [CLIENTS_FILE],
      load: () => import("../commands/serve-client-list.ts"),
    },
    {
      name: "remove",
      summary: "remove a client",
      description: ["Removes a client, which can use the server no more. Its files stay."],
      arguments: [{ name: "name", description: "name of the client", required: true, completes: "nothing" }],
      options: [CLIENTS_FILE],
      load: () => import("../commands/serve-client-remove.ts"),
    },
  ],
};

const CHOICE: readonly OptionDefinition[] = [
  {
    flags: "--repository <name>",
    description: "only what was removed from this repository",
    completes: "nothing",
  },
  {
    flags: "--type <type>",
    description: "only files of this type",
    choices: ["config", "key", "snapshot", "index", "pack", "forgotten", "hold", "evidence", "retention"],
  },
  {
    flags: "--since <time>",
    description: "only what was removed then or later, as in '2026-11-01 22:08:41'",
    completes: "nothing",
  },
  STATE_FOLDER,
];

const NAMES = {
  name: "name",
  description: "names of files, or their beginnings; without any all that the options choose",
  variadic: true,
  completes: "nothing",
} as const;

const trash: CommandDefinition = {
  name: "trash",
  summary: "list, bring back and destroy what was removed through a server",
  description: [
    "A file that is removed through the server is hidden at once, and destroyed when the time of --trash-grace is over. Until then it comes back whole. Works while the server runs.",
  ],
  subcommands: [
    {
      name: "list",
      summary: "list what can be brought back",
      description: ["Lists removed files: from which repository, by whom, and until when they can be brought back."],
      arguments: [ROOT, NAMES],
      options: CHOICE,
      load: () => import("../commands/serve-trash-list.ts"),
    },
    {
      name: "restore",
      summary: "bring back what was removed",
      description: [
        "Brings removed files back. After an attack, bring back everything of the repository since the attack began: snapshots need the packs and index files that were removed with them.",
      ],
      arguments: [ROOT, NAMES],
      options: CHOICE,
      examples: [
        {
          command: "holdfast serve trash restore /srv/backups --repository den --since '2026-11-01 03:00'",
          description: "Undo everything that was removed from a repository since then.",
        },
      ],
      load: () => import("../commands/serve-trash-restore.ts"),
    },
    {
      name: "purge",
      summary: "destroy what was removed, at once",
      description: [
        "Destroys removed files before their time is over, which frees their space. Needs names, --repository or --all.",
      ],
      arguments: [ROOT, NAMES],
      options: [...CHOICE, { flags: "--all", description: "everything in the trash" }],
      load: () => import("../commands/serve-trash-purge.ts"),
    },
  ],
};

const serve: CommandDefinition = {
  name: "serve",
  group: "Servers:",
  summary: "serve repositories to other machines",
  description: ["Runs a server, and manages who may use it."],
  subcommands: [repository, client, trash],
};

export const SERVING_COMMANDS: readonly CommandDefinition[] = [serve];
