/** What is particular to each database server. */
import { dirname } from "node:path";
import type { HostView } from "../host/host-view.ts";
import type { DatabaseRule } from "./databases.ts";
import { type Server, argument, configured, tool } from "./servers.ts";

const CREDENTIALS = "credentials" as const;

function textsIn(view: HostView, folder: string): string[] {
  return [...view.texts].filter(([path]) => path.startsWith(folder)).map(([, text]) => text);
}

function inTexts(view: HostView, folders: readonly string[], name: string): string | undefined {
  return folders
    .flatMap((folder) => textsIn(view, folder))
    .map((text) => configured(text, name))
    .findLast((value) => value !== undefined);
}

function port(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

const postgres: DatabaseRule = {
  kind: "postgres",
  product: "PostgreSQL",
  programs: ["postgres", "postmaster"],
  port: 5432,
  socket: /\/\.s\.PGSQL\.\d+$/,
  mark: "postgres-data",
  folder: ({ process: { args } }, view) =>
    argument(args, "-D", "--pgdata", "--data-directory", "data_directory") ??
    configured(view.texts.get(argument(args, "config_file") ?? ""), "data_directory"),
  named: ({ process: { args }, unix }, view) =>
    port(argument(args, "-p", "--port", "port")) ??
    port(configured(view.texts.get(argument(args, "config_file") ?? ""), "port")) ??
    port(unix[0] === undefined ? undefined : /\.(\d+)$/.exec(unix[0].path)?.[1]),
  // The folder of its socket stands for a host: there the system says who asks, and no password is needed.
  settings: ({ host, port: number, socket }, _, { unseen: { isRoot } }) => ({
    host: socket === undefined ? (host ?? "/var/run/postgresql") : dirname(socket),
    ...(number === 5432 ? {} : { port: number }),
    user: "postgres",
    // Only root can become somebody else.
    ...((socket === undefined && host !== undefined) || !isRoot ? {} : { "run-as": "postgres" }),
  }),
  command: ({ host, port: number, socket }) => [
    "pg_dumpall",
    `--host=${socket === undefined ? (host ?? "127.0.0.1") : dirname(socket)}`,
    `--port=${number}`,
    "--username=postgres",
  ],
  needs: (view) => [
    tool(view, "pg_dump"),
    {
      what: CREDENTIALS,
      detail: "a role that may read all databases, such as postgres; by its socket without a password",
    },
  ],
};

const MYSQL_TEXTS = ["/etc/mysql", "/etc/my.cnf"];

const mysql: DatabaseRule = {
  kind: "mysql",
  product: "MariaDB or MySQL",
  programs: ["mariadbd", "mysqld"],
  port: 3306,
  socket: /\/(mysqld?|mariadb)[^/]*\.sock$/,
  mark: "mysql-data",
  folder: ({ process: { args } }, view) =>
    argument(args, "--datadir", "-h") ?? inTexts(view, MYSQL_TEXTS, "datadir") ?? "/var/lib/mysql",
  named: ({ process: { args } }) => port(argument(args, "--port", "-P")),
  settings: ({ host, port: number, socket }) => ({
    ...(socket === undefined && host !== undefined
      ? { host, port: number }
      : { socket: socket ?? "/run/mysqld/mysqld.sock" }),
    user: "root",
  }),
  command: ({ host, port: number, socket }) => [
    "mysqldump",
    ...(socket === undefined ? [`--host=${host ?? "127.0.0.1"}`, `--port=${number}`] : [`--socket=${socket}`]),
    "--all-databases",
    "--single-transaction",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
  ],
  needs: (view) => [
    tool(view, "mariadb-dump", "mysqldump"),
    {
      what: CREDENTIALS,
      detail: "an account that may read all databases; as root by its socket usually without a password",
    },
  ],
};

const redis: DatabaseRule = {
  kind: "redis",
  product: "Redis",
  programs: ["redis-server", "valkey-server", "keydb-server"],
  port: 6379,
  socket: /redis|valkey|keydb/,
  mark: "redis-data",
  folder: ({ process: { args, folder } }, view) =>
    argument(args, "--dir") ?? folder ?? inTexts(view, ["/etc/redis", "/etc/valkey"], "dir"),
  named: ({ process: { args } }) => port(argument(args, "--port") ?? /[:*](\d+)/.exec(args.join(" "))?.[1]),
  settings: ({ host, port: number, socket }) =>
    number === 0 && socket !== undefined ? { socket } : { host: host ?? "127.0.0.1", port: number },
  command: ({ host, port: number }) => ["redis-cli", "-h", host ?? "127.0.0.1", "-p", String(number), "--rdb", "-"],
  needs: (view) => [
    tool(view, "redis-cli", "valkey-cli"),
    { what: CREDENTIALS, detail: "its password, where it asks for one" },
  ],
};

function speaksTls({ process: { args } }: Server): boolean {
  return argument(args, "--cert-file") !== undefined;
}

const etcd: DatabaseRule = {
  kind: "etcd",
  product: "etcd",
  programs: ["etcd"],
  port: 2379,
  mark: "etcd-data",
  folder: ({ process: { args, folder } }) => {
    const named = argument(args, "--data-dir");
    return named?.startsWith("/") === false && folder !== undefined ? `${folder}/${named}` : named;
  },
  named: ({ process: { args } }) => port(/:(\d+)/.exec(argument(args, "--listen-client-urls") ?? "")?.[1]),
  settings: ({ host, port: number }, server) => ({
    endpoints: [`${server !== undefined && speaksTls(server) ? "https" : "http"}://${host ?? "127.0.0.1"}:${number}`],
  }),
  needs: (view, server) => [
    tool(view, "etcdctl"),
    ...(server !== undefined && speaksTls(server)
      ? [{ what: CREDENTIALS, detail: "a client's certificate and key, as it speaks TLS" }]
      : []),
  ],
};

const openldap: DatabaseRule = {
  kind: "openldap",
  product: "OpenLDAP",
  programs: ["slapd"],
  port: 389,
  socket: /ldapi$/,
  mark: "lmdb-data",
  folder: (_, view) =>
    view.marks.find(({ what, path }) => what === "lmdb-data" && /ldap/.test(path))?.path ?? "/var/lib/ldap",
  isPlausible: (folder) => /ldap/.test(folder),
  isReadStopped: true,
  settings: () => ({}),
  command: () => ["slapcat"],
  needs: (view) => [
    tool(view, "slapcat"),
    { what: "rights", detail: "root, or the user of slapd: slapcat reads its files" },
  ],
};

const mongodb: DatabaseRule = {
  kind: "mongodb",
  product: "MongoDB",
  programs: ["mongod"],
  port: 27_017,
  socket: /mongodb-\d+\.sock$/,
  mark: "mongodb-data",
  folder: ({ process: { args } }, view) =>
    argument(args, "--dbpath") ??
    inTexts(view, ["/etc/mongod.conf", "/etc/mongodb.conf"], "dbPath") ??
    "/var/lib/mongodb",
  named: ({ process: { args } }) => port(argument(args, "--port")),
  settings: ({ host, port: number }) => ({ experimental: true, host: host ?? "127.0.0.1", port: number }),
  command: ({ host, port: number }) => ["mongodump", `--host=${host ?? "127.0.0.1"}`, `--port=${number}`, "--archive"],
  needs: (view) => [
    tool(view, "mongodump"),
    { what: CREDENTIALS, detail: "an account with the role backup, where it asks for one" },
  ],
};

export const DATABASE_RULES: readonly DatabaseRule[] = [postgres, mysql, redis, etcd, openldap, mongodb];
