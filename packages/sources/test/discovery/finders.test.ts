/** What finders make of views of hosts, each a row of a table: what was seen, and what is concluded. */
import { placesToLook } from "../../src/discovery/host/where-to-look.ts";
import { describe, expect, test } from "vitest";
import { type Candidate, findCandidates } from "../../src/index.ts";
import type { HostView } from "../../src/index.ts";
import { DAY_MS, NOW_MS, madeProcess, madeView, mark, tcp, unix } from "./made-view.ts";

const byId = (view: HostView): Record<string, Candidate> =>
  Object.fromEntries(findCandidates(view).map((candidate) => [candidate.id, candidate]));

const ann = { name: "ann", uid: 1000, home: "/home/ann", isPerson: true };

describe("databases", () => {
  test.for<[what: string, view: HostView, id: string, expected: Partial<Candidate>]>([
    [
      "PostgreSQL with its folder, port and socket",
      madeView({
        sizes: { "/var/lib/postgresql/15/main": 5000 },
        marks: [mark("postgres-data", "/var/lib/postgresql/15/main")],
        processes: [
          madeProcess(
            "postgres",
            ["-D", "/var/lib/postgresql/15/main", "-c", "config_file=/etc/postgresql/15/main/postgresql.conf"],
            {
              path: "/usr/lib/postgresql/15/bin/postgres",
              tcp: [tcp(5433)],
              unix: [unix("/var/run/postgresql/.s.PGSQL.5433")],
            },
          ),
          madeProcess("postgres", [], { pid: 101, args: ["postgres: 15/main: checkpointer "] }),
        ],
      }),
      "postgres:/var/lib/postgresql/15/main",
      {
        kind: "postgres",
        title: "PostgreSQL 15, port 5433",
        criticality: "critical",
        confidence: "certain",
        sizeBytes: 5000,
        growth: { dayBytes: 0, weekBytes: 2500 },
        settings: { host: "/var/run/postgresql", port: 5433, user: "postgres", "run-as": "postgres" },
        command: ["pg_dumpall", "--host=/var/run/postgresql", "--port=5433", "--username=postgres"],
      },
    ],
    [
      "PostgreSQL of somebody else, by what its user listens on",
      madeView({
        processes: [madeProcess("postgres", ["-D", "/srv/pg"], { uid: 113 })],
        tcp: [tcp(5432, 113), tcp(22, 0)],
        unix: [unix("/run/postgresql/.s.PGSQL.5432")],
        unseen: { isRoot: false, places: [], placeCount: 0, processes: 1 },
      }),
      "postgres:/srv/pg",
      {
        title: "PostgreSQL, port 5432",
        confidence: "certain",
        sizeBytes: undefined,
        settings: { host: "/run/postgresql", user: "postgres" },
      },
    ],
    [
      "PostgreSQL that does not run",
      madeView({ sizes: { "/old/15/main": 7 }, marks: [mark("postgres-data", "/old/15/main")] }),
      "postgres:/old/15/main",
      {
        title: "PostgreSQL, not running",
        criticality: "important",
        confidence: "likely",
        isAtRest: true,
        sizeBytes: 7,
      },
    ],
    [
      "PostgreSQL in a container, whose paths are not ours",
      madeView({
        processes: [madeProcess("postgres", ["-D", "/var/lib/postgresql/data"], { container: "0123456789ab" })],
      }),
      "postgres:container 0123456789ab",
      { paths: [], confidence: "likely", sizeBytes: undefined },
    ],
    [
      "MariaDB, whose configuration names the folder",
      madeView({
        processes: [madeProcess("mariadbd", [], { tcp: [tcp(3306)], unix: [unix("/run/mysqld/mysqld.sock")] })],
        texts: new Map([["/etc/mysql/mariadb.conf.d/50-server.cnf", "[mysqld]\ndatadir = /srv/mysql\n"]]),
        marks: [mark("mysql-data", "/srv/mysql")],
      }),
      "mysql:/srv/mysql",
      { title: "MariaDB or MySQL, port 3306", settings: { socket: "/run/mysqld/mysqld.sock", user: "root" } },
    ],
    [
      "MySQL that is reached over TCP only",
      madeView({ processes: [madeProcess("mysqld", ["--datadir=/d", "--port=3307"], { tcp: [tcp(3307)] })] }),
      "mysql:/d",
      { settings: { host: "127.0.0.1", port: 3307, user: "root" } },
    ],
    [
      "Redis, which writes its port in the place of its command line",
      madeView({
        processes: [
          madeProcess("redis-server", [], {
            args: ["redis-server 127.0.0.1:6380"],
            folder: "/var/lib/redis",
            tcp: [tcp(6380)],
          }),
        ],
        marks: [mark("redis-data", "/var/lib/redis")],
      }),
      "redis:/var/lib/redis",
      { title: "Redis, port 6380", settings: { host: "127.0.0.1", port: 6380 } },
    ],
    [
      "etcd that speaks TLS",
      madeView({
        processes: [madeProcess("etcd", ["--data-dir", "/var/lib/etcd", "--cert-file=/x"], { tcp: [tcp(2379)] })],
      }),
      "etcd:/var/lib/etcd",
      { settings: { endpoints: ["https://127.0.0.1:2379"] } },
    ],
    [
      "OpenLDAP, and not every LMDB",
      madeView({
        processes: [madeProcess("slapd", ["-h", "ldap:///"], { tcp: [tcp(389)] })],
        marks: [mark("lmdb-data", "/srv/cache"), mark("lmdb-data", "/var/lib/ldap")],
      }),
      "openldap:/var/lib/ldap",
      { command: ["slapcat"] },
    ],
    [
      "MongoDB with YAML for a configuration",
      madeView({
        processes: [madeProcess("mongod", ["--config", "/etc/mongod.conf"], { tcp: [tcp(27_017)] })],
        texts: new Map([["/etc/mongod.conf", "storage:\n  dbPath: /data/db\n"]]),
      }),
      "mongodb:/data/db",
      { settings: { host: "127.0.0.1", port: 27_017 } },
    ],
    [
      "Elasticsearch, one of many programs that run in Java",
      madeView({
        sizes: { "/var/lib/elasticsearch": 9 },
        processes: [
          madeProcess("java", ["-cp", "x", "org.elasticsearch.bootstrap.Elasticsearch"]),
          madeProcess("java", ["-jar", "game.jar"]),
        ],
      }),
      "command:elasticsearch",
      { paths: ["/var/lib/elasticsearch"], sizeBytes: 9, confidence: "likely" },
    ],
  ])("%s", ([, view, id, expected]) => {
    const found = byId(view);
    expect(found[id]).toMatchObject(expected);
    expect(Object.values(found).filter(({ category }) => category === "database")).toHaveLength(1);
  });

  test("of several servers of somebody else it is not guessed which listens where", () => {
    const server = (folder: string, args: string[] = []) =>
      madeProcess("postgres", ["-D", folder, ...args], { uid: 113 });
    const found = byId(
      madeView({ processes: [server("/a"), server("/b", ["-p", "5444"])], tcp: [tcp(5433, 113), tcp(5444, 113)] }),
    );
    expect(found["postgres:/a"]).toMatchObject({ title: "PostgreSQL", confidence: "likely" });
    expect(found["postgres:/b"]).toMatchObject({ title: "PostgreSQL, port 5444", confidence: "certain" });
  });

  test("a missing tool is named with its package, one that is there is known", () => {
    const process = madeProcess("postgres", ["-D", "/d"]);
    const need = (programs: string[]) =>
      byId(madeView({ processes: [process], programs: new Set(programs) }))["postgres:/d"]?.needs[0];
    expect(need([])).toEqual({ what: "tool", detail: "pg_dump", isThere: false, package: "postgresql-client" });
    expect(need(["pg_dump"])).toEqual({ what: "tool", detail: "pg_dump", isThere: true, package: "postgresql-client" });
  });
});

describe("SQLite files", () => {
  const judged = (path: string, daysAgo: number): string | undefined =>
    byId(
      madeView({
        users: [ann],
        marks: [mark("sqlite", path, { sizeBytes: 8192, changedMs: NOW_MS - daysAgo * DAY_MS })],
      }),
    )[`sqlite:${path}`]?.criticality;

  test.for<[path: string, daysAgo: number, criticality: string]>([
    ["/srv/shop/shop.db", 1, "critical"],
    ["/srv/shop/shop.db", 90, "important"],
    ["/home/ann/accounts.db", 1, "important"],
    ["/home/ann/.mozilla/firefox/x/places.sqlite", 1, "normal"],
    ["/var/lib/PackageKit/transactions.db", 1, "replaceable"],
    ["/home/ann/.config/Chat/Cache/data_1", 1, "replaceable"],
  ])("%s, changed %i days ago: %s", ([path, daysAgo, criticality]) => {
    expect(judged(path, daysAgo)).toBe(criticality);
  });

  test("that are many in one folder are one thing, as critical as the most critical of them", () => {
    const marks = Array.from({ length: 12 }, (_, n) =>
      mark("sqlite", `/srv/tenants/${n}.db`, { sizeBytes: 4096, changedMs: n === 5 ? NOW_MS : 0 }),
    );
    const found = byId(madeView({ marks }));
    expect(Object.keys(found)).toEqual(["files:/srv/tenants#sqlite"]);
    expect(found["files:/srv/tenants#sqlite"]).toMatchObject({
      title: "12 SQLite databases",
      criticality: "critical",
      sizeBytes: 12 * 4096,
      settings: { paths: ["/srv/tenants"] },
    });
  });

  test("count as changed in whole, as only they know which pages are new", () => {
    const view = madeView({
      marks: [mark("sqlite", "/srv/a.db", { sizeBytes: 8192, changedMs: NOW_MS - 3 * DAY_MS })],
    });
    expect(byId(view)["sqlite:/srv/a.db"]).toMatchObject({
      sizeBytes: 8192,
      growth: { dayBytes: 0, weekBytes: 8192 },
      settings: { path: "/srv/a.db" },
    });
  });
});

describe("homes, system, web and mail", () => {
  test("people have homes, services do not; an account that is elsewhere leaves a folder", () => {
    const users = [
      ann,
      { name: "root", uid: 0, home: "/root", isPerson: true },
      { name: "www-data", uid: 33, home: "/var/www", isPerson: false },
    ];
    const found = byId(madeView({ users, sizes: { "/home/ann": 1e6, "/home/bob": 1e6, "/root": 5e5 } }));
    expect(found["files:/home/ann"]).toMatchObject({
      category: "home",
      criticality: "critical",
      confidence: "certain",
      sizeBytes: 1e6,
    });
    expect(found["files:/home/bob"]).toMatchObject({ category: "home", criticality: "critical", confidence: "likely" });
    expect(found["files:/root"]).toMatchObject({ criticality: "important" });
    expect(found["files:/home/ann"]?.settings["exclude"]).toContain("node_modules");
    expect(found["files:/var/www"]).toBeUndefined();
  });

  test("a home that may not be looked at is there, without a size, and says what it takes", () => {
    const found = byId(madeView({ users: [ann], unseen: { isRoot: false, places: [], placeCount: 1, processes: 0 } }));
    expect(found["files:/home/ann"]).toMatchObject({
      sizeBytes: undefined,
      criticality: "critical",
      needs: [{ what: "rights" }],
    });
  });

  test("the system's configuration is critical; what lies in it says so", () => {
    const found = byId(madeView({ sizes: { "/etc": 1000, "/usr/local": 500, "/var/spool/cron": 40 } }));
    expect(found["system:/"]).toMatchObject({ kind: "system", criticality: "critical", paths: ["/etc"] });
    expect(found["files:/usr/local"]).toMatchObject({ criticality: "important" });
    expect(found["files:/var/spool/cron"]).toMatchObject({ criticality: "important", title: "crontabs of users" });
  });

  test("web roots come from the configuration of nginx and Apache, and from /var/www; an inner one is part of the outer", () => {
    const texts = new Map([
      ["/etc/nginx/sites-enabled/shop", "server {\n  root /srv/shop/public;\n}\n"],
      ["/etc/apache2/sites-enabled/wiki.conf", '<VirtualHost *:80>\n  DocumentRoot "/srv/wiki"\n</VirtualHost>'],
      ["/etc/nginx/sites-enabled/default", "  root /usr/share/nginx/html;\n  # root /srv/commented;\n"],
    ]);
    const found = byId(
      madeView({
        texts,
        sizes: {
          "/srv/shop/public": 10,
          "/srv/wiki": 10,
          "/srv/wiki/inner": 1,
          "/var/www/html": 10,
          "/srv/commented": 1,
        },
      }),
    );
    expect(
      Object.values(found)
        .filter(({ category }) => category === "web")
        .map(({ id, confidence }) => [id, confidence]),
    ).toEqual([
      ["files:/srv/wiki", "certain"],
      ["files:/srv/shop/public", "certain"],
      ["files:/var/www/html", "likely"],
    ]);
  });

  test("mail lies in spools, in virtual mailboxes that belong together, and in homes", () => {
    const marks = ["/srv/hosting/vmail/a.org/ann", "/srv/hosting/vmail/a.org/bob", "/home/ann/Maildir"].map((path) =>
      mark("maildir", path),
    );
    const found = byId(
      madeView({
        users: [ann],
        marks,
        sizes: { "/var/mail": 20, "/srv/hosting/vmail/a.org/ann": 5, "/home/ann/Maildir": 3, "/home/ann": 1e6 },
      }),
    );
    expect(
      Object.values(found)
        .filter(({ category }) => category === "mail")
        .map(({ id, title, within }) => [id, title, within]),
    ).toEqual([
      ["files:/var/mail", "mail", undefined],
      ["files:/srv/hosting/vmail/a.org", "mail, 2 Maildirs", undefined],
      ["files:/home/ann/Maildir", "mail", "files:/home/ann"],
    ]);
  });
});

describe("containers and virtual machines", () => {
  test("volumes with names are critical, anonymous ones are not", () => {
    const volumes = "/var/lib/docker/volumes";
    const named = byId(
      madeView({
        sizes: { [`${volumes}/shop_db`]: 500, [`${volumes}/${"a".repeat(64)}`]: 1 },
        unix: [unix("/run/docker.sock")],
      }),
    );
    expect(named["docker:/var/lib/docker"]).toMatchObject({
      kind: "docker",
      title: "Docker: shop_db",
      criticality: "critical",
      confidence: "certain",
      sizeBytes: 501,
      settings: { socket: "/var/run/docker.sock" },
    });
    const anonymous = byId(madeView({ sizes: { [`${volumes}/${"a".repeat(64)}`]: 1 } }));
    expect(anonymous["docker:/var/lib/docker"]).toMatchObject({ criticality: "normal" });
  });

  test("an engine needs its socket and the right to read its volumes, and no program", () => {
    const sizes = { "/var/lib/docker/volumes/a": 5, "/var/lib/containers/storage/volumes/a": 5 };
    const found = byId(madeView({ sizes, unix: [unix("/run/docker.sock")] }));
    expect(found["docker:/var/lib/docker"]?.needs).toEqual([
      { what: "rights", detail: "root: volumes are read from the disk of this machine" },
    ]);
    expect(found["docker:/var/lib/containers/storage"]?.needs).toEqual([
      { what: "preparation", detail: "its socket: systemctl enable --now podman.socket" },
      { what: "rights", detail: "root: volumes are read from the disk of this machine" },
    ]);
  });

  test("an engine keeps its data where its configuration says", () => {
    const texts = new Map([["/etc/docker/daemon.json", '{ "data-root": "/srv/docker/" }']]);
    const view = madeView({ texts, sizes: { "/srv/docker/volumes/shop": 5 }, unix: [unix("/run/docker.sock")] });
    expect(byId(view)["docker:/srv/docker"]).toMatchObject({ title: "Docker: shop", paths: ["/srv/docker/volumes"] });
    const { skipPatterns } = placesToLook({
      mounts: [],
      users: [],
      processes: [],
      texts,
      paths: [],
      withRemote: false,
    });
    expect(skipPatterns).toContain("/srv/docker/overlay2");
    const broken = madeView({
      texts: new Map([["/etc/docker/daemon.json", "{"]]),
      sizes: { "/var/lib/docker/volumes/a": 1 },
    });
    expect(byId(broken)["docker:/var/lib/docker"]).toBeDefined();
  });

  test("docker of a user has volumes too", () => {
    const found = byId(madeView({ users: [ann], sizes: { "/home/ann/.local/share/docker/volumes/wiki": 5 } }));
    expect(found["docker:/home/ann/.local/share/docker"]).toMatchObject({
      title: "Docker: wiki",
      settings: { socket: "/run/user/1000/docker.sock" },
      needs: [{ what: "preparation" }, { what: "rights", detail: "ann, or root" }],
    });
  });

  test("podman of a user has volumes too", () => {
    const found = byId(
      madeView({ users: [ann], sizes: { "/home/ann/.local/share/containers/storage/volumes/wiki": 5 } }),
    );
    expect(found["docker:/home/ann/.local/share/containers/storage"]).toMatchObject({
      title: "Podman: wiki",
      settings: { socket: "/run/user/1000/podman/podman.sock" },
    });
  });

  test("machines that libvirt knows, machines that run, and images of neither, each disk once", () => {
    const xml =
      "<domain><name>web</name><devices><disk><source file='/vm/web.qcow2' index='1'/></disk></devices></domain>";
    const found = byId(
      madeView({
        texts: new Map([["/etc/libvirt/qemu/web.xml", xml]]),
        processes: [
          madeProcess("qemu-system-x86_64", [
            "-name",
            "guest=web,debug-threads=on",
            "-blockdev",
            '{"driver":"file","filename":"/vm/web.qcow2"}',
          ]),
          madeProcess("qemu-system-x86_64", [
            "-name",
            "test",
            "-drive",
            "file=/vm/test.img,format=raw",
            "-qmp",
            "unix:/run/test.qmp,server,nowait",
          ]),
        ],
        marks: ["/vm/web.qcow2", "/vm/test.img", "/vm/left.qcow2"].map((path) =>
          mark("disk-image", path, { sizeBytes: 100, detail: "qcow2" }),
        ),
      }),
    );
    expect(
      Object.values(found)
        .filter(({ category }) => category === "virtual machine")
        .map(({ id, paths, settings, criticality }) => [id, paths, settings, criticality]),
    ).toEqual([
      ["vm:test", ["/vm/test.img"], { qmp: "/run/test.qmp" }, "critical"],
      ["vm:web", ["/vm/web.qcow2"], { libvirt: "web" }, "critical"],
      ["files:/vm/left.qcow2", ["/vm/left.qcow2"], { paths: ["/vm/left.qcow2"] }, "normal"],
    ]);
  });

  test("a machine that libvirt knows and that does not run is at rest; names are unescaped", () => {
    const texts = new Map([
      [
        "/etc/libvirt/qemu/a.xml",
        "<domain><name>a&amp;b</name><source dev='/dev/vg/a'/><source file='/vm/a&amp;b.img'/></domain>",
      ],
    ]);
    const at = (processes: HostView["processes"]) => byId(madeView({ texts, processes }))["vm:a&b"];
    expect(at([madeProcess("init", [])])).toMatchObject({
      isAtRest: true,
      paths: ["/vm/a&b.img"],
      settings: { libvirt: "a&b" },
    });
    expect(at([madeProcess("qemu-system-x86_64", ["-name", "guest=a&b,debug-threads=on"])])?.isAtRest).toBeUndefined();
  });

  test("a machine without a name is known by its disk, which it may name from the folder it works in", () => {
    const args = [
      "-blockdev",
      "driver=qcow2,file.driver=file,file.filename=first.qcow2",
      "-drive",
      "file=/vm/second.img,if=virtio",
    ];
    const found = byId(madeView({ processes: [madeProcess("qemu-system-x86_64", args, { folder: "/srv/vm" })] }));
    expect(found["vm:/srv/vm/first.qcow2"]).toMatchObject({ paths: ["/srv/vm/first.qcow2", "/vm/second.img"] });
  });

  test.for<[what: string, args: string[], settings: object]>([
    ["by -qmp", ["-qmp", "unix:/run/a.qmp,server=on"], { qmp: "/run/a.qmp" }],
    [
      "by -mon",
      [
        "-chardev",
        "socket,id=agent,path=/run/agent",
        "-chardev",
        "socket,id=m,path=/run/m,server=on",
        "-mon",
        "chardev=m,mode=control",
      ],
      { qmp: "/run/m" },
    ],
    ["not by that of the agent", ["-chardev", "socket,id=agent,path=/run/agent"], {}],
  ])("the monitor of a machine is found %s", ([, args, settings]) => {
    expect(byId(madeView({ processes: [madeProcess("kvm", ["-name", "a", ...args])] }))["vm:a"]?.settings).toEqual(
      settings,
    );
  });
});

describe("certificates and repositories", () => {
  const certificate = (path: string, changes = {}) => ({
    path,
    keyPath: path.replace("cert", "key"),
    isKeyCertain: true,
    names: ["a.org"],
    issuer: "CA",
    expiresMs: NOW_MS + 30 * DAY_MS,
    isAuthority: false,
    ...changes,
  });

  test.for<[what: string, certificate: ReturnType<typeof certificate>, expected: Partial<Candidate> | undefined]>([
    [
      "bought",
      certificate("/etc/ssl/cert.pem"),
      { criticality: "important", confidence: "certain", title: "a.org, until 2026-12-29" },
    ],
    [
      "expired",
      certificate("/etc/ssl/cert.pem", { expiresMs: NOW_MS - DAY_MS }),
      { criticality: "normal", title: "a.org, expired 2026-11-28" },
    ],
    ["an authority's", certificate("/srv/ca/cert.pem", { isAuthority: true }), { criticality: "critical" }],
    ["from Let's Encrypt", certificate("/etc/letsencrypt/archive/a.org/cert1.pem"), { criticality: "normal" }],
    ["of tests", certificate("/opt/x/tests/cert.pem", { isAuthority: true }), { criticality: "replaceable" }],
    ["with an encrypted key", certificate("/etc/ssl/cert.pem", { isKeyCertain: false }), { confidence: "likely" }],
    ["without its key", certificate("/etc/ssl/cert.pem", { keyPath: undefined }), undefined],
  ])("a certificate %s", ([, given, expected]) => {
    const found = Object.values(byId(madeView({ certificates: [given] }))).filter(
      ({ category }) => category === "certificate",
    );
    expect(found).toEqual(expected === undefined ? [] : [expect.objectContaining(expected)]);
  });

  const repository = (changes = {}) => ({
    path: "/srv/code",
    isBare: false,
    remotes: ["origin"],
    branches: ["main"],
    unpushed: [],
    hasStash: false,
    ...changes,
  });

  test.for<[what: string, repository: ReturnType<typeof repository>, criticality: string, reason: RegExp]>([
    ["pushed", repository(), "replaceable", /all branches are at origin; what is not committed yet is not looked at/],
    [
      "ahead",
      repository({ unpushed: ["main", "wip"] }),
      "important",
      /commits that origin is not known to have had: main, wip/,
    ],
    ["with a stash", repository({ hasStash: true }), "important", /a stash/],
    ["without a remote", repository({ remotes: [] }), "important", /it has no remote/],
    ["that others push to", repository({ remotes: [], isBare: true }), "critical", /others push to it/],
    ["without commits", repository({ branches: [] }), "normal", /no commits yet/],
  ])("a repository %s", ([, given, criticality, reason]) => {
    expect(byId(madeView({ repositories: [given] }))["files:/srv/code#git"]).toMatchObject({
      criticality,
      reason: expect.stringMatching(reason),
    });
  });
});

describe("what nobody has explained", () => {
  const disk = {
    point: "/data",
    type: "xfs",
    device: "/dev/sdb1",
    nature: "local",
    totalBytes: 1,
    usedBytes: 1,
  } as const;

  test("a disk of its own, folders at the top, and state of applications come up", () => {
    const found = byId(
      madeView({
        mounts: [disk],
        sizes: {
          "/data": 1e6,
          "/company": 1e6,
          "/var/lib/grafana": 2e6,
          "/var/lib/systemd": 2e6,
          "/var/lib/small": 10,
        },
      }),
    );
    expect(Object.keys(found).sort()).toEqual(["files:/company", "files:/data", "files:/var/lib/grafana"]);
    expect(found["files:/data"]).toMatchObject({
      criticality: "important",
      evidence: "a file system of its own (xfs, /dev/sdb1)",
    });
    expect(found["files:/company"]).toMatchObject({ criticality: "normal", confidence: "possible" });
  });

  test("what is mounted over a network is somebody else's, and comes up only when it was asked for", () => {
    const share = { ...disk, point: "/mnt/nas", nature: "remote" } as const;
    expect(Object.keys(byId(madeView({ mounts: [share] })))).toEqual([]);
    expect(byId(madeView({ mounts: [share], sizes: { "/mnt/nas": 1e6 } }))["files:/mnt/nas"]).toMatchObject({
      criticality: "normal",
    });
  });

  test("what other finders have explained is not told again, unless there is more than that", () => {
    const marks = [mark("postgres-data", "/data/pg")];
    expect(Object.keys(byId(madeView({ mounts: [disk], marks, sizes: { "/data/pg": 1e6 } })))).toEqual([
      "postgres:/data/pg",
    ]);
    expect(
      Object.keys(byId(madeView({ mounts: [disk], marks, sizes: { "/data/pg": 1e6, "/data/rest": 1e6 } }))).sort(),
    ).toEqual(["files:/data", "postgres:/data/pg"]);
  });

  test("with paths, only what lies in them, and they themselves", () => {
    const view = madeView({
      paths: ["/srv"],
      users: [ann],
      sizes: { "/srv": 100, "/home/ann": 1e6, "/etc": 100 },
      marks: [mark("sqlite", "/srv/a.db", { sizeBytes: 10 }), mark("sqlite", "/etc/b.db", { sizeBytes: 10 })],
    });
    expect(Object.keys(byId(view)).sort()).toEqual(["files:/srv", "sqlite:/srv/a.db"]);
  });

  test("repositories of backups are no data to back up", () => {
    const found = byId(madeView({ marks: [mark("backup-repository", "/srv/backup", { detail: "restic" })] }));
    expect(found["files:/srv/backup"]).toMatchObject({ criticality: "replaceable", category: "backup" });
  });
});

test("the most critical and largest come first, and the same view gives the same list", () => {
  const view = () =>
    madeView({ users: [ann], sizes: { "/home/ann": 1e6, "/etc": 1e5, "/opt": 1e7, "/usr/local": 1e4 } });
  const ids = findCandidates(view()).map(({ id }) => id);
  expect(ids).toEqual(["files:/home/ann", "system:/", "files:/usr/local", "files:/opt"]);
  expect(findCandidates(view())).toEqual(findCandidates(view()));
});
