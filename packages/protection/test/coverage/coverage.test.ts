/** What a configuration does for candidates: each row is a candidate, sources, and what comes out. */
import type { Candidate } from "@holdfast/sources";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/configuration/parse.ts";
import type { Configuration } from "../../src/configuration/schema.ts";
import type { CoverageEntry, CoverageInput } from "../../src/coverage/coverage.ts";
import { decodeLastTimes, encodeLastTimes, nextTime, scopeOf } from "../../src/coverage/last-time.ts";
import { type Sources, candidate, configuration, covered } from "./given.ts";

function stateOf(one: Candidate, sources: Sources, more: Partial<CoverageInput> = {}): CoverageEntry {
  const { entries } = covered({
    candidates: [one, ...(more.candidates ?? [])],
    configuration: configuration(sources),
    ...(more.folders === undefined ? {} : { folders: more.folders }),
    ...(more.mountPoints === undefined ? {} : { mountPoints: more.mountPoints }),
  });
  return entries[0] as CoverageEntry;
}

const files = (paths: string[], exclude: string[] = []) => ({ kind: "files", paths, exclude });

describe("files are", () => {
  test.for<[what: string, one: Candidate, sources: Sources, state: string, note: RegExp | undefined]>([
    ["bare without a source", candidate("files:/srv"), {}, "bare", undefined],
    [
      "protected by a source of the same folder",
      candidate("files:/srv"),
      { a: files(["/srv"]) },
      "protected",
      undefined,
    ],
    [
      "protected by a source of a folder above",
      candidate("files:/srv/a"),
      { a: files(["/srv"]) },
      "protected",
      undefined,
    ],
    ["protected by a source of everything", candidate("files:/srv/a"), { a: files(["/"]) }, "protected", undefined],
    [
      "bare beside a folder whose name begins alike",
      candidate("files:/srv/ab"),
      { a: files(["/srv/a"]) },
      "bare",
      undefined,
    ],
    [
      "partly protected by sources of parts",
      candidate("files:/srv"),
      { a: files(["/srv/a"]) },
      "partly",
      /only parts of \/srv/,
    ],
    [
      "bare when a pattern leaves them out",
      candidate("files:/srv/a"),
      { a: files(["/srv"], ["/srv/a"]) },
      "bare",
      /left out by a pattern of a/,
    ],
    [
      "bare when a pattern leaves out a folder above",
      candidate("files:/srv/a/b"),
      { a: files(["/srv"], ["a"]) },
      "bare",
      /left out/,
    ],
    [
      "protected when another source takes what one leaves out",
      candidate("files:/srv/a"),
      { a: files(["/srv"], ["a"]), b: files(["/srv/a"]) },
      "protected",
      undefined,
    ],
    [
      "protected when a later pattern takes back what one left out",
      candidate("files:/srv/a"),
      { a: files(["/srv"], ["/srv/*", "!/srv/a"]) },
      "protected",
      undefined,
    ],
    [
      "partly protected when one of two places is",
      candidate("files:x", { paths: ["/a", "/b"] }),
      { a: files(["/a"]) },
      "partly",
      /\/b is not stored/,
    ],
    [
      "protected by a command that stores the folder",
      candidate("files:/srv"),
      { a: { kind: "command", folder: "/srv" } },
      "protected",
      undefined,
    ],
    [
      "bare beside a command that stores another",
      candidate("files:/srv"),
      { a: { kind: "command", folder: "/var" } },
      "bare",
      undefined,
    ],
    [
      "protected by the system, where it has them",
      candidate("files:/usr/local"),
      { a: { kind: "system", root: "/", paths: ["/etc", "/usr/local"] } },
      "protected",
      undefined,
    ],
    [
      "bare beside the system of another disk",
      candidate("files:/etc/x"),
      { a: { kind: "system", root: "/mnt", paths: ["/etc"] } },
      "bare",
      undefined,
    ],
  ])("%s", ([, one, sources, state, note]) => {
    const entry = stateOf(one, sources);
    expect(entry.state).toBe(state);
    if (note !== undefined) expect(entry.notes.join("\n")).toMatch(note);
    else expect(entry.notes).toEqual([]);
  });

  test("bare on a file system that is not gone to, and when they are larger than what is taken", () => {
    const onDisk = (options: object) =>
      stateOf(
        candidate("files:/srv/disk"),
        { a: { ...files(["/srv"]), ...options } },
        { mountPoints: ["/", "/srv/disk"] },
      ).state;
    expect([onDisk({}), onDisk({ "one-file-system": true })]).toEqual(["protected", "bare"]);
    const image = (options: object) =>
      stateOf(candidate("files:/srv/x.img"), { a: { ...files(["/srv"]), ...options } }).state;
    expect([image({ "exclude-larger-than": 100 }), image({ "exclude-larger-than": 99 })]).toEqual([
      "protected",
      "bare",
    ]);
  });

  test("partly protected when a folder in them is left out, with its size; what is judged by itself does not count", () => {
    const folders = [
      ["/srv", { bytes: 100 }],
      ["/srv/photos", { bytes: 60 }],
      ["/srv/photos/2026", { bytes: 20 }],
      ["/srv/db", { bytes: 30 }],
    ] as const;
    const source = { a: files(["/srv"], ["/srv/photos", "/srv/db"]) };
    const entry = stateOf(candidate("files:/srv"), source, { folders, candidates: [candidate("postgres:/srv/db")] });
    expect(entry).toMatchObject({ state: "partly", leftOutBytes: 60, notes: ["a leaves out /srv/photos"] });
    const whole = stateOf(
      candidate("files:/srv"),
      { a: files(["/srv"], ["/srv/db"]) },
      { folders, candidates: [candidate("postgres:/srv/db")] },
    );
    expect(whole).toMatchObject({ state: "protected", leftOutBytes: 0 });
  });
});

describe("a database is", () => {
  const postgres = candidate("postgres:/var/lib/pg", { settings: { host: "/run/postgresql", user: "postgres" } });
  const second = candidate("postgres:/srv/pg", { settings: { host: "/run/postgresql", port: 5433 } });
  const mysql = candidate("mysql:/var/lib/mysql", { settings: { socket: "/run/mysqld/mysqld.sock" } });
  const redis = candidate("redis:/var/lib/redis", { settings: { host: "127.0.0.1", port: 6379 } });
  const sqlite = candidate("sqlite:/srv/a.db", { settings: { path: "/srv/a.db" } });

  test.for<[what: string, one: Candidate, sources: Sources, state: string, note: RegExp | undefined]>([
    ["protected by its kind", postgres, { a: { kind: "postgres", port: 5432 } }, "protected", undefined],
    ["protected by its kind without any address", postgres, { a: { kind: "postgres" } }, "protected", undefined],
    [
      "protected under the name of this host",
      postgres,
      { a: { kind: "postgres", host: "db1" } },
      "protected",
      undefined,
    ],
    ["bare when the source is another host's", postgres, { a: { kind: "postgres", host: "db2" } }, "bare", undefined],
    ["bare when the source has another port", second, { a: { kind: "postgres", port: 5432 } }, "bare", undefined],
    [
      "bare when the source has another socket",
      mysql,
      { a: { kind: "mysql", socket: "/run/other.sock" } },
      "bare",
      undefined,
    ],
    [
      "protected by the same socket under another name",
      mysql,
      { a: { kind: "mysql", socket: "/var/run/mysqld/mysqld.sock" } },
      "protected",
      undefined,
    ],
    ["bare when another kind has a source", redis, { a: { kind: "postgres" } }, "bare", undefined],
    [
      "partly protected when only some of its databases are",
      postgres,
      { a: { kind: "postgres", databases: ["shop"] } },
      "partly",
      /only a part: databases shop/,
    ],
    [
      "partly protected when databases are left out",
      postgres,
      { a: { kind: "postgres", "exclude-databases": ["big"] } },
      "partly",
      /without databases big/,
    ],
    [
      "partly protected when only its files are stored",
      postgres,
      { a: files(["/var/lib"]) },
      "partly",
      /nothing captures it consistently/,
    ],
    [
      "protected as a SQLite file among files, which are copied as databases",
      sqlite,
      { a: files(["/srv"]) },
      "protected",
      undefined,
    ],
    [
      "partly protected as a SQLite file with a name like any other",
      candidate("sqlite:/srv/shop", { settings: { path: "/srv/shop" } }),
      { a: files(["/srv"]) },
      "partly",
      /its name does not say/,
    ],
    [
      "partly protected as a SQLite file where databases are read as files",
      sqlite,
      { a: { ...files(["/srv"]), databases: "as-files" } },
      "partly",
      /not captured as a database/,
    ],
    [
      "partly protected as a SQLite file in the folder of a command",
      sqlite,
      { a: { kind: "command", folder: "/srv" } },
      "partly",
      /not captured as a database/,
    ],
    [
      "protected as many SQLite files in one folder",
      candidate("files:/srv#sqlite", { category: "sqlite", paths: ["/srv/a.db", "/srv/b.db"] }),
      { a: files(["/srv"]) },
      "protected",
      undefined,
    ],
    ["bare as a SQLite file that is left out", sqlite, { a: files(["/srv"], ["*.db"]) }, "bare", undefined],
    [
      "protected as a SQLite source of that file",
      sqlite,
      { a: { kind: "sqlite", path: "/srv/a.db" } },
      "protected",
      undefined,
    ],
    [
      "bare beside a SQLite source of another file",
      sqlite,
      { a: { kind: "sqlite", path: "/srv/b.db" } },
      "bare",
      undefined,
    ],
    [
      "protected by its files when its server does not run",
      { ...postgres, isAtRest: true },
      { a: files(["/var/lib"]) },
      "protected",
      undefined,
    ],
    [
      "protected by a dump of everything",
      postgres,
      { a: { kind: "command", capture: ["/usr/bin/pg_dumpall"] } },
      "protected",
      /taken at its word/,
    ],
    [
      "partly protected by a dump of one database",
      postgres,
      { a: { kind: "command", capture: ["pg_dump", "shop"] } },
      "partly",
      /one database/,
    ],
    [
      "partly protected by a dump of roles alone",
      postgres,
      { a: { kind: "command", capture: ["pg_dumpall", "-g"] } },
      "partly",
      undefined,
    ],
    [
      "protected by a dump in a shell's script",
      mysql,
      { a: { kind: "command", capture: ["sh", "-c", "mysqldump --all-databases | gzip"] } },
      "protected",
      undefined,
    ],
    [
      "protected by a dump in a hook",
      mysql,
      { a: { kind: "command", folder: "/srv/dumps", hooks: { before: ["mysqldump", "-A", "-r", "/srv/dumps/x"] } } },
      "protected",
      undefined,
    ],
    [
      "bare beside a dump of something else",
      redis,
      { a: { kind: "command", capture: ["pg_dumpall"] } },
      "bare",
      undefined,
    ],
    [
      "protected by a command that names the file",
      sqlite,
      { a: { kind: "command", capture: ["sqlite3", "/srv/a.db", ".dump"] } },
      "protected",
      undefined,
    ],
    [
      "protected by etcd's endpoints here",
      candidate("etcd:/d", { settings: { endpoints: ["http://127.0.0.1:2379"] } }),
      { a: { kind: "etcd", endpoints: ["https://localhost:2379"] } },
      "protected",
      undefined,
    ],
    [
      "bare beside an etcd elsewhere",
      candidate("etcd:/d", { settings: { endpoints: ["http://127.0.0.1:2379"] } }),
      { a: { kind: "etcd", endpoints: ["https://k8s:2379"] } },
      "bare",
      undefined,
    ],
    [
      "partly protected beside a server of its kind while it does not run itself",
      { ...postgres, isAtRest: true },
      { a: { kind: "postgres" } },
      "partly",
      /does not run, and a captures it only while it does/,
    ],
    [
      "protected by a dump of its own port",
      second,
      { a: { kind: "command", capture: ["pg_dumpall", "--port=5433"] } },
      "protected",
      /taken at its word/,
    ],
    [
      "bare beside a dump of another port",
      second,
      { a: { kind: "command", capture: ["pg_dumpall", "-p", "5432"] } },
      "bare",
      undefined,
    ],
    [
      "bare beside a dump of the usual port",
      second,
      { a: { kind: "command", capture: ["pg_dumpall"] } },
      "bare",
      undefined,
    ],
    [
      "bare beside a dump of another host",
      postgres,
      { a: { kind: "command", capture: ["pg_dumpall", "-hdb2"] } },
      "bare",
      undefined,
    ],
    [
      "bare beside a dump of another socket",
      mysql,
      { a: { kind: "command", capture: ["sh", "-c", "mysqldump -A -S /run/other.sock"] } },
      "bare",
      undefined,
    ],
    [
      "protected as an engine with all of its containers",
      candidate("docker:/var/lib/docker", { settings: { socket: "/var/run/docker.sock" } }),
      { a: { kind: "docker", "exclude-containers": [] } },
      "protected",
      undefined,
    ],
    [
      "partly protected as an engine of which only some containers are captured",
      candidate("docker:/var/lib/docker", { settings: { socket: "/var/run/docker.sock" } }),
      { a: { kind: "docker", containers: ["web"], "exclude-containers": [] } },
      "partly",
      /only a part: containers web/,
    ],
    [
      "partly protected as an engine of which only some projects are captured",
      candidate("docker:/var/lib/docker", { settings: { socket: "/var/run/docker.sock" } }),
      { a: { kind: "docker", projects: ["shop"], "exclude-containers": [] } },
      "partly",
      /only a part: projects shop/,
    ],
    [
      "partly protected as an engine of which containers are left out",
      candidate("docker:/var/lib/docker", { settings: { socket: "/var/run/docker.sock" } }),
      { a: { kind: "docker", "exclude-containers": ["db"] } },
      "partly",
      /without containers db/,
    ],
    [
      "partly protected as a machine that has more disks than its source",
      candidate("vm:web", { paths: ["/vm/web.img", "/vm/data.img"], settings: {}, isAtRest: true }),
      { a: { kind: "vm", disks: [{ path: "/vm/web.img" }] } },
      "partly",
      /a does not name the disk \/vm\/data.img/,
    ],
    [
      "partly protected as a machine that runs, by its images alone",
      candidate("vm:web", { paths: ["/vm/web.img"], settings: { libvirt: "web" } }),
      { a: { kind: "vm", disks: [{ path: "/vm/web.img" }] } },
      "partly",
      /a reads its images only while it does not run/,
    ],
    [
      "bare beside the machine of that name on another host",
      candidate("vm:web", { settings: { libvirt: "web" } }),
      { a: { kind: "vm", libvirt: "web", uri: "qemu+ssh://root@other/system" } },
      "bare",
      undefined,
    ],
    [
      "protected as the machine of that name",
      candidate("vm:web", { title: "web", settings: { libvirt: "web" } }),
      { a: { kind: "vm", libvirt: "web" } },
      "protected",
      undefined,
    ],
    [
      "bare beside another machine",
      candidate("vm:web", { title: "web", settings: { libvirt: "web" } }),
      { a: { kind: "vm", libvirt: "db" } },
      "bare",
      undefined,
    ],
    [
      "bare beside a machine that is named otherwise",
      candidate("vm:web", { settings: { libvirt: "web" } }),
      { a: { kind: "vm", qmp: "/run/x.qmp" } },
      "bare",
      undefined,
    ],
    [
      "protected as a machine that does not run, by its images",
      candidate("vm:web", { paths: ["/vm/web.img"], settings: { qmp: "/run/x" }, isAtRest: true }),
      { a: { kind: "vm", disks: [{ path: "/vm/web.img" }] } },
      "protected",
      undefined,
    ],
    [
      "partly protected as a machine without a disk",
      candidate("vm:web", { settings: { libvirt: "web" } }),
      { a: { kind: "vm", libvirt: "web", "exclude-disks": ["vdb"] } },
      "partly",
      /without disks vdb/,
    ],
    [
      "bare beside the same port in another folder of sockets",
      postgres,
      { a: { kind: "postgres", host: "/tmp/other", port: 5432 } },
      "bare",
      undefined,
    ],
    [
      "protected as a system with its configuration",
      candidate("system:/", { paths: ["/etc"] }),
      { a: { kind: "system", root: "/", paths: ["/etc", "/root"], exclude: [] } },
      "protected",
      undefined,
    ],
    [
      "partly protected as a system without it",
      candidate("system:/", { paths: ["/etc"] }),
      { a: { kind: "system", root: "/", paths: ["/root"] } },
      "partly",
      undefined,
    ],
    [
      "protected as files of the system",
      candidate("system:/", { paths: ["/etc"] }),
      { a: files(["/etc"]) },
      "protected",
      undefined,
    ],
  ])("%s", ([, one, sources, state, note]) => {
    const entry = stateOf(one, sources);
    expect(entry.state).toBe(state);
    if (note !== undefined) expect(entry.notes.join("\n")).toMatch(note);
    expect(entry.by).toEqual(state === "bare" ? [] : ["a"]);
  });
});

describe("waivers", () => {
  const waiver = (what: string, until = "2027-01-01") => ({ what, owner: "ann", reason: "a copy of the NAS", until });
  const one = candidate("files:/srv/media", { paths: ["/srv/media"] });
  const report = (waivers: Configuration["waivers"], candidates = [one], sources = {}) =>
    covered({ candidates, configuration: configuration(sources, waivers) });

  test.for<[what: string, matches: boolean]>([
    ["files:/srv/media", true],
    ["files:/srv/*", true],
    ["files:/srv", false],
    ["/srv/media", true],
    ["/srv", true],
    ["/srv/m*", true],
    ["/srv/med", false],
    ["sqlite:*", false],
  ])("%s is about /srv/media: %s", ([what, matches]) => {
    const { entries, idleWaivers, isCriticalBare } = report([waiver(what)]);
    expect([entries[0]?.state, idleWaivers.length, isCriticalBare]).toEqual(
      matches ? ["waived", 0, false] : ["bare", 1, true],
    );
  });

  test.for<[until: string, state: string]>([
    ["2026-11-30", "waived"],
    ["2026-11-29", "waived"],
    ["2026-11-28", "bare"],
  ])("until %s, on 2026-11-29: %s", ([until, state]) => {
    const { entries, isCriticalBare } = report([waiver("/srv", until)]);
    expect(entries[0]).toMatchObject({ state, isWaiverExpired: state === "bare", waiver: { owner: "ann" } });
    expect(isCriticalBare).toBe(state === "bare");
  });

  test("a new one counts beside one that has expired, and what is protected needs none", () => {
    expect(report([waiver("/srv", "2020-01-01"), waiver("/srv")]).entries[0]).toMatchObject({
      state: "waived",
      isWaiverExpired: false,
    });
    expect(report([waiver("/srv")], [one], { a: files(["/srv"]) }).entries[0]).toMatchObject({
      state: "protected",
      waiver: undefined,
    });
  });

  test("in a configuration need an owner, a reason and a day that exists", () => {
    const parse = (text: string): unknown => parseConfiguration(`version: 1\nwaivers:\n  - ${text}\n`, "/c").waivers;
    expect(parse("{ what: /srv, owner: ann, reason: 'a copy', until: 2027-06-30 }")).toEqual([
      { what: "/srv", owner: "ann", reason: "a copy", until: "2027-06-30" },
    ]);
    for (const text of [
      "{ what: /srv }",
      "{ what: /srv, owner: '', reason: x, until: 2027-06-30 }",
      "{ what: /srv, owner: a, reason: x, until: 2027-02-30 }",
      "{ what: /srv, owner: a, reason: x, until: soon }",
    ]) {
      expect(() => parse(text)).toThrow(/waivers\[0\]/);
    }
  });
});

describe("a report", () => {
  test("is critical only by what is critical and bare", () => {
    const critical = (one: Candidate, sources = {}) =>
      covered({ candidates: [one], configuration: configuration(sources) }).isCriticalBare;
    expect(critical(candidate("files:/srv"))).toBe(true);
    expect(critical(candidate("files:/srv", { criticality: "important" }))).toBe(false);
    expect(critical(candidate("postgres:/var/lib/pg"), { a: files(["/var"]) })).toBe(false);
  });

  test("does not count what can be had again as bare", () => {
    const { entries } = covered({
      candidates: [candidate("files:/x", { criticality: "replaceable" })],
      configuration: configuration({}),
    });
    expect(entries[0]?.state).toBe("replaceable");
  });

  test("sums by kind, without what lies in another", () => {
    const inner = candidate("files:/srv/a", { within: "files:/srv", sizeBytes: 40 });
    const { sums } = covered({ candidates: [candidate("files:/srv"), inner], configuration: configuration({}) });
    expect(sums.get("bare")?.get("data")).toEqual({ count: 2, bytes: 100 });
  });

  test("marks what was not there last time, names what has gone, and marks nothing the first time", () => {
    const look = (ids: string[], last: CoverageInput["last"]) =>
      covered({ candidates: ids.map((id) => candidate(id)), configuration: configuration({}), last });
    const first = look(["files:/a", "files:/b"], undefined);
    expect([first.lastAt, first.entries.map(({ isNew }) => isNew)]).toEqual([undefined, [false, false]]);
    const last = nextTime(undefined, ["files:/a", "files:/b"], 1000);
    const next = look(["files:/b", "files:/toString", "files:/c"], last);
    expect(next.entries.map(({ isNew }) => isNew)).toEqual([false, true, true]);
    expect(next.gone).toEqual(["files:/a"]);
  });
});

describe("what was there last time", () => {
  test("is kept for each set of paths, with when each was seen first", () => {
    const first = nextTime(undefined, ["a"], 1000);
    const second = nextTime(first, ["a", "b"], 2000);
    expect(second).toEqual({
      at: "1970-01-01T00:00:02.000Z",
      seen: { a: "1970-01-01T00:00:01.000Z", b: "1970-01-01T00:00:02.000Z" },
    });
    const times = new Map([
      [scopeOf([]), second],
      [scopeOf(["/b", "/a"]), first],
    ]);
    expect(decodeLastTimes(encodeLastTimes(times))).toEqual(times);
    expect(scopeOf(["/a", "/b"])).toBe(scopeOf(["/b", "/a"]));
    expect(scopeOf([], { withRemote: true })).not.toBe(scopeOf([]));
  });

  test.for(["", "{", "[]", '{"version":2,"scopes":{}}', '{"version":1,"scopes":{"host":{"at":"never","seen":{}}}}'])(
    "a file that is none is a first time: %s",
    (text) => {
      expect(decodeLastTimes(text)).toBeUndefined();
    },
  );
});
