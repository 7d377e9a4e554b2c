/** What finders propose passes the schema of the kind that it is for, wherever this build has that kind. */
import { describe, expect, test } from "vitest";
import { SOURCE_KINDS, findCandidates } from "../../src/index.ts";
import { NOW_MS, madeProcess, madeView, mark, tcp, unix } from "./made-view.ts";

/** A host that has everything, running and not. */
const everything = madeView({
  users: [
    { name: "ann", uid: 1000, home: "/home/ann", isPerson: true },
    { name: "root", uid: 0, home: "/root", isPerson: true },
  ],
  sizes: {
    "/etc": 1e6,
    "/usr/local": 1e6,
    "/opt": 1e6,
    "/home/ann": 1e6,
    "/root": 1e6,
    "/srv": 1e6,
    "/var/www/html": 10,
    "/var/mail": 10,
    "/var/spool/cron": 10,
    "/var/lib/docker/volumes/shop": 10,
    "/var/lib/grafana": 2e6,
    "/var/log": 2e6,
  },
  processes: [
    madeProcess("postgres", ["-D", "/var/lib/postgresql/15/main"], {
      tcp: [tcp(5432)],
      unix: [unix("/run/postgresql/.s.PGSQL.5432")],
    }),
    madeProcess("postgres", ["-D", "/srv/pg", "-p", "5433"], { tcp: [tcp(5433)] }),
    madeProcess("mariadbd", ["--datadir=/srv/my"], { unix: [unix("/run/mysqld/mysqld.sock")] }),
    madeProcess("mysqld", ["--datadir=/srv/my2", "--port=3307"], { tcp: [tcp(3307)] }),
    madeProcess("redis-server", ["--port", "6379", "--dir", "/srv/redis"], { tcp: [tcp(6379)] }),
    madeProcess("redis-server", ["--port", "0", "--dir", "/srv/redis2"], { unix: [unix("/run/redis.sock")] }),
    madeProcess("etcd", ["--data-dir=/srv/etcd"], { tcp: [tcp(2379)] }),
    madeProcess("slapd", [], { tcp: [tcp(389)] }),
    madeProcess("mongod", [], { tcp: [tcp(27_017)] }),
    madeProcess("qemu-system-x86_64", ["-name", "a", "-drive", "file=/vm/a.img", "-qmp", "unix:/run/a.qmp,server"]),
    madeProcess("qemu-system-x86_64", ["-name", "b", "-drive", "file=/vm/b.img"]),
  ],
  unix: [unix("/run/docker.sock")],
  texts: new Map([["/etc/libvirt/qemu/web.xml", "<domain><name>web</name><source file='/vm/web.qcow2'/></domain>"]]),
  marks: [
    mark("sqlite", "/srv/a.db", { sizeBytes: 4096, changedMs: NOW_MS }),
    mark("postgres-data", "/old/pg"),
    mark("mysql-data", "/old/my"),
    mark("redis-data", "/old/redis"),
    mark("etcd-data", "/old/etcd"),
    mark("lmdb-data", "/old/ldap"),
    mark("mongodb-data", "/old/mongo"),
    mark("disk-image", "/vm/left.qcow2", { sizeBytes: 1e7, detail: "qcow2" }),
    mark("maildir", "/srv/mail/ann"),
    mark("compose", "/srv/app/compose.yaml"),
  ],
  repositories: [
    { path: "/srv/code", isBare: false, remotes: [], branches: ["main"], unpushed: ["main"], hasStash: false },
  ],
});

const candidates = findCandidates(everything);

describe("settings that are proposed", () => {
  test("cover every kind that finders know", () => {
    const kinds = new Set(candidates.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([
      "docker",
      "etcd",
      "files",
      "mongodb",
      "mysql",
      "openldap",
      "postgres",
      "redis",
      "sqlite",
      "system",
      "vm",
    ]);
    // Those that this build has: the next test asks their schemas.
    expect([...kinds].filter((kind) => SOURCE_KINDS.has(kind))).toContain("sqlite");
  });

  test.for(
    candidates
      .filter(({ kind, settings }) => SOURCE_KINDS.has(kind) && (kind !== "vm" || Object.keys(settings).length > 0))
      .map((candidate) => [candidate.id, candidate] as const),
  )("for %s pass its schema", ([, { kind, settings }]) => {
    const parsed = SOURCE_KINDS.get(kind)?.settings.safeParse(settings);
    expect(parsed?.error?.issues ?? []).toEqual([]);
  });
});
