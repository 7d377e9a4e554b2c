/** Walks through real trees. */
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { FolderSizes } from "./folder-sizes.ts";
import type { WalkResult, WalkSettings, WalkTask } from "./messages.ts";
import { Slicer } from "./slice.ts";
import { type WalkFindings, walk } from "./walk.ts";

const base = mkdtempSync(join(tmpdir(), "holdfast-walk-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
let root = "";
let count = 0;
beforeEach(() => {
  root = join(base, `t${count++}`);
  mkdirSync(root);
});

const signal = new AbortController().signal;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Files by their paths below the root; folders come along. */
function make(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

function settings(changes: Partial<WalkSettings> = {}): WalkSettings {
  return { root, nowMs: Date.now(), skipPatterns: [], boundaries: [], ownRows: [], ...changes };
}

/** What a thread does, on this one: threads take longer to start from source than the walk takes. */
function look(changes: Partial<WalkSettings> = {}, most = 3): WalkFindings {
  const slicer = new Slicer(settings(changes));
  const folders = new FolderSizes();
  const all: WalkResult[] = [];
  for (let rest: WalkTask = [{ path: "/", row: "/", isPlain: false }]; rest.length > 0; rest = all.at(-1)?.rest ?? []) {
    all.push(slicer.run(rest, most));
  }
  for (const { rows } of all) for (const row of rows) folders.add(row);
  return {
    folders,
    marks: all.flatMap((result) => result.marks).sort((a, b) => (a.path < b.path ? -1 : 1)),
    unseen: all.flatMap(({ unseen }) => unseen),
    unseenCount: all.reduce((sum, { unseenCount }) => sum + unseenCount, 0),
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
  };
}

function marks(changes: Partial<WalkSettings> = {}): string[] {
  return look(changes).marks.map(({ what, path, detail }) => `${what} ${path}${detail === "" ? "" : ` (${detail})`}`);
}

function database(path: string, mode: string): void {
  const made = new DatabaseSync(join(root, path));
  made.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE t (a); INSERT INTO t VALUES (1)`);
  made.close();
}

describe("sizes", () => {
  test("add up along the folders, also of those that are too deep for a row", () => {
    make({ "a/1": "12345", "a/b/c/d/e/f/g/2": "1234567", "z/3": "1" });
    const { folders, entries } = look();
    expect(folders.of("/")).toMatchObject({ files: 3, bytes: 13 });
    expect(folders.of("/a")).toMatchObject({ files: 2, bytes: 12 });
    expect(folders.of("/a/b/c/d/e")).toMatchObject({ files: 1, bytes: 7 });
    expect(folders.of("/a/b/c/d/e/f")).toBeUndefined();
    expect(folders.below("/")).toEqual(expect.arrayContaining(["/a", "/z"]));
    expect(entries).toBeGreaterThan(10);
  });

  test("of a deep folder are known where somebody asks for it, or something is found in it", () => {
    make({ "a/b/c/d/e/f/g/2": "1234567", "a/b/c/d/e/f/h/PG_VERSION": "15", "a/b/c/d/e/f/h/base/1": "22" });
    mkdirSync(join(root, "a/b/c/d/e/f/h/global"));
    const { folders } = look({ ownRows: ["/a/b/c/d/e/f/g"] });
    expect(folders.of("/a/b/c/d/e/f/g")).toMatchObject({ files: 1, bytes: 7 });
    expect(folders.of("/a/b/c/d/e/f/h")).toMatchObject({ files: 2, bytes: 4 });
    expect(folders.of("/a")).toMatchObject({ files: 3, bytes: 11 });
  });

  test("count what has several names once, and holes not", () => {
    make({ one: "x".repeat(1000), sparse: "" });
    linkSync(join(root, "one"), join(root, "two"));
    truncateSync(join(root, "sparse"), 512 * 1024 * 1024);
    const { folders } = look();
    expect(folders.of("/")?.files).toBe(3);
    expect(folders.of("/")?.bytes).toBeLessThan(16 * 1024 * 1024);
    expect(folders.of("/")?.bytes).toBeGreaterThanOrEqual(1000);
  });

  test("say how much changed within a day and a week", () => {
    make({ new: "1", recent: "22", old: "333" });
    const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);
    utimesSync(join(root, "recent"), ago(3), ago(3));
    utimesSync(join(root, "old"), ago(30), ago(30));
    expect(look().folders.of("/")).toEqual({ files: 3, bytes: 6, dayBytes: 1, weekBytes: 3 });
  });

  test("leave out links, other mounts, patterns, and folders tagged as caches", () => {
    make({
      "in/1": "1",
      "mounted/2": "22",
      "node_modules/3": "333",
      "home/ann/.cache/4": "4444",
      "tagged/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n",
      "tagged/5": "55555",
      "untagged/CACHEDIR.TAG": "",
      "untagged/6": "666666",
    });
    symlinkSync("/usr", join(root, "link"));
    const { folders } = look({ boundaries: ["/mounted"], skipPatterns: ["node_modules", "/home/*/.cache"] });
    expect(folders.of("/")?.bytes).toBe(1 + 6);
    expect(folders.of("/link")).toBeUndefined();
  });

  test("leave what is mounted alone: not even its own data is asked for, as a server that is gone never answers", () => {
    make({ "data/a": "123", "data/mounted": "12345" });
    expect(look({ boundaries: ["/data/mounted"] }).folders.of("/")).toMatchObject({ files: 1, bytes: 3 });
  });

  test("a single file that is mounted is no folder that could not be looked at", () => {
    make({ "etc/hosts": "123" });
    const { unseen } = new Slicer(settings()).run([{ path: "/etc/hosts", row: "/etc/hosts", isPlain: false }], 10);
    expect(unseen).toEqual([]);
  });

  test("are the same however many threads and slices there are", async () => {
    for (let n = 0; n < 300; n++) make({ [`d${n % 17}/e${n % 5}/f${n}`]: "x".repeat(n) });
    const { folders } = await walk(["/"], settings(), { threads: 3, signal });
    const expected = (299 * 300) / 2;
    expect([folders, look({}, 1).folders, look({}, 1e6).folders].map((each) => each.of("/")?.bytes)).toEqual([
      expected,
      expected,
      expected,
    ]);
    expect(folders.of("/d3")).toEqual(look().folders.of("/d3"));
  });

  test("hold names that are not UTF-8", () => {
    mkdirSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61])]));
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61, 0x2f, 0xfe])]), "12345");
    const { folders } = look();
    expect(folders.of("/\udcffa")).toMatchObject({ files: 1, bytes: 5 });
  });
});

describe("what is found", () => {
  test("SQLite databases, whatever they are called, with how they write", () => {
    database("plain", "DELETE");
    database("shop.db", "WAL");
    database("photo.jpg", "DELETE");
    make({ liar: Buffer.alloc(8192, "x"), "tiny.db": "SQLite format 3\0" });
    expect(marks()).toEqual(["sqlite /plain (rollback journal)", "sqlite /shop.db (write-ahead log)"]);
  });

  test.for<[what: string, files: Record<string, string>, expected: string[]]>([
    [
      "PostgreSQL, once, although each database has its PG_VERSION",
      { "pg/PG_VERSION": "15", "pg/global/1": "", "pg/base/5/PG_VERSION": "15", "pg/base/5/global": "" },
      ["postgres-data /pg"],
    ],
    ["only a PG_VERSION", { "pg/PG_VERSION": "15" }, []],
    ["MariaDB by InnoDB", { "my/ibdata1": "" }, ["mysql-data /my"]],
    ["MariaDB without InnoDB", { "my/aria_log_control": "", "my/mysql/user.frm": "" }, ["mysql-data /my"]],
    ["Redis with a dump", { "r/dump.rdb": "" }, ["redis-data /r (dump.rdb)"]],
    ["Redis with its log alone", { "r/appendonlydir/x": "" }, ["redis-data /r (append-only file)"]],
    ["etcd", { "e/member/snap/db": "" }, ["etcd-data /e"]],
    ["a folder called member", { "e/member/ann": "" }, []],
    ["MongoDB", { "m/WiredTiger": "", "m/index-1.wt": "" }, ["mongodb-data /m"]],
    ["LMDB", { "l/data.mdb": "" }, ["lmdb-data /l"]],
    [
      "a Maildir, with folders in it",
      {
        "ann/Maildir/cur/1": "",
        "ann/Maildir/new/1": "",
        "ann/Maildir/tmp/1": "",
        "ann/Maildir/.Sent/cur/1": "",
        "ann/Maildir/.Sent/new/1": "",
        "ann/Maildir/.Sent/tmp/1": "",
      },
      ["maildir /ann/Maildir"],
    ],
    [
      "git, bare and with a working tree",
      {
        "a/.git/HEAD": "",
        "a/.git/objects/1": "",
        "a/.git/refs/1": "",
        "b.git/HEAD": "",
        "b.git/objects/1": "",
        "b.git/refs/1": "",
      },
      ["git /a (.git)", "git /b.git (bare)"],
    ],
    ["a compose file", { "app/compose.yaml": "" }, ["compose /app/compose.yaml"]],
    [
      "a repository of restic",
      { "b/config": "", "b/keys/1": "", "b/snapshots/1": "", "b/index/1": "", "b/data/00/1": "" },
      ["backup-repository /b (restic)"],
    ],
    [
      "PEM files, and not others called so",
      { "a.pem": `-----BEGIN CERTIFICATE-----\n${"A".repeat(60)}`, "b.key": "x".repeat(100) },
      ["pem /a.pem"],
    ],
  ])("%s", ([, files, expected]) => {
    make(files);
    expect(marks()).toEqual(expected);
  });

  test("disk images by their first bytes, or by their name when they have none", () => {
    const image = (head: string): Buffer => Buffer.concat([Buffer.from(head, "latin1"), Buffer.alloc(1024 * 1024)]);
    make({
      "a.qcow2": image("QFI\xfb"),
      "b.vmdk": image("KDMV"),
      "c.img": image(""),
      "d.qcow2": image("no"),
      "small.img": "x",
    });
    expect(marks()).toEqual(["disk-image /a.qcow2 (qcow2)", "disk-image /b.vmdk (vmdk)", "disk-image /c.img (raw)"]);
  });

  test("no git repository behind a link, which may lead anywhere", () => {
    make({ "a/.git/config": "", "outside/config": "" });
    mkdirSync(join(root, "b"));
    symlinkSync(join(root, "outside"), join(root, "b/.git"));
    make({ "c/.git": "gitdir: /elsewhere\n" });
    expect(marks()).toEqual(["git /a (.git)"]);
  });

  test("nothing inside of what is known as a whole, whose size is counted", () => {
    make({ "my/ibdata1": "1234" });
    database("my/inner.db", "DELETE");
    mkdirSync(join(root, "a/.git"), { recursive: true });
    database("a/.git/inner.db", "DELETE");
    const { marks: found, folders } = look();
    expect(found.map(({ path }) => path)).toEqual(["/a", "/my"]);
    expect(folders.of("/my")?.files).toBe(2);
  });
});

describe("what is not there, or not wanted any more", () => {
  test("a folder that is not there is passed over", () => {
    const { unseenCount, rows } = new Slicer(settings()).run([{ path: "/none", row: "/none", isPlain: false }], 10);
    expect([unseenCount, rows]).toEqual([0, []]);
  });

  test("an abort ends the walk with its reason", async () => {
    for (let n = 0; n < 50; n++) make({ [`d${n}/f`]: "" });
    const controller = new AbortController();
    const walking = walk(["/"], settings(), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(walking).rejects.toThrow("enough");
  });
});
