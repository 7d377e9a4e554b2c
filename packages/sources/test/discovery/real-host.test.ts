/** Discovery of this machine, with real servers and files in one folder; and of another system that is mounted somewhere. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort, hasProgram } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Candidate, type CollectOptions, collectHost, findCandidates } from "../../src/index.ts";

const base = realpathSync(mkdtempSync(join(tmpdir(), "hf-disc-")));
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function discovered(options: Partial<CollectOptions>): Promise<Map<string, Candidate>> {
  const view = await collectHost({
    nowMs: Date.now(),
    isRoot: process.getuid?.() === 0,
    signal: new AbortController().signal,
    ...options,
  });
  return new Map(findCandidates(view).map((candidate) => [candidate.id, candidate]));
}

describe("files of this machine", () => {
  const folder = join(base, "files");
  let found: Map<string, Candidate>;
  let writer: DatabaseSync;

  beforeAll(async () => {
    mkdirSync(join(folder, "tls"), { recursive: true });
    writer = new DatabaseSync(join(folder, "shop.data"));
    writer.exec("PRAGMA journal_mode = WAL; CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('a')");
    if (hasProgram("git")) makeRepositories(folder);
    if (hasProgram("openssl")) makeCertificates(join(folder, "tls"));
    found = await discovered({ paths: [folder] });
  });
  afterAll(() => writer.close());

  test("a SQLite database in WAL mode, whose name says nothing, is found while it is open", () => {
    expect(found.get(`sqlite:${folder}/shop.data`)).toMatchObject({
      kind: "sqlite",
      confidence: "certain",
      criticality: "critical",
      evidence: expect.stringContaining("write-ahead log"),
    });
  });

  test.skipIf(!hasProgram("git")).for<[name: string, criticality: string, reason: RegExp]>([
    ["pushed", "replaceable", /all branches are at origin/],
    ["behind", "replaceable", /all branches are at origin/],
    ["packed", "replaceable", /all branches are at origin/],
    ["ahead", "important", /commits that origin is not known to have had: (main|master)/],
    ["branch", "important", /not known to have had: topic/],
    ["stashed", "important", /a stash/],
    ["alone", "important", /it has no remote/],
    ["remote.git", "critical", /others push to it/],
  ])("the git repository %s is %s", ([name, criticality, reason]) => {
    expect(found.get(`files:${folder}/${name}#git`)).toMatchObject({
      criticality,
      reason: expect.stringMatching(reason),
    });
  });

  test.skipIf(!hasProgram("openssl"))(
    "a certificate comes with the key that belongs to it, whatever both are called",
    () => {
      const certificates = [...found.values()].filter(({ category }) => category === "certificate");
      expect(certificates).toEqual([
        expect.objectContaining({
          title: expect.stringMatching(/^shop\.example\.org, until \d{4}-\d\d-\d\d$/),
          paths: [`${folder}/tls/a.pem`, `${folder}/tls/zz.pem`],
          confidence: "certain",
        }),
      ]);
    },
  );
});

describe.skipIf(!hasProgram("redis-server"))("a server that runs", () => {
  let server: ChildProcess | undefined;
  const folder = join(base, "redis");
  let port = 0;

  beforeAll(async () => {
    mkdirSync(folder);
    port = await freePort();
    const log = openSync(join(base, "redis.log"), "a");
    const args = [
      "--bind",
      "127.0.0.1",
      "--port",
      `${port}`,
      "--dir",
      folder,
      "--save",
      "",
      "--unixsocket",
      `${base}/redis.sock`,
    ];
    server = spawn("redis-server", args, { stdio: ["ignore", log, log] });
    closeSync(log);
    await answering(port);
  });
  afterAll(async () => {
    if (server === undefined || server.exitCode !== null) return;
    server.kill("SIGTERM");
    await once(server, "exit");
  });

  test("is found by process, port, socket and folder, before it has written anything", async () => {
    const found = await discovered({ paths: [folder] });
    expect([...found.keys()]).toEqual([`redis:${folder}`]);
    expect(found.get(`redis:${folder}`)).toMatchObject({
      title: `Redis, port ${port}`,
      confidence: "certain",
      criticality: "critical",
      evidence: expect.stringMatching(
        new RegExp(`^process ${server?.pid} .* listens on ${base}/redis.sock, port ${port}$`),
      ),
      settings: { host: "127.0.0.1", port },
    });
  });
});

test("another system that is mounted somewhere is looked at as if it ran here, without our processes, and no link leads out of it", async () => {
  const root = join(base, "disk");
  const files: Record<string, string> = {
    "etc/passwd":
      "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\npostgres:x:113:120::/var/lib/postgresql:/bin/bash\n",
    "etc/hostname": "dead\n",
    "etc/nginx/sites-enabled/shop": "server { listen 80;\n root /srv/shop;\n}\n",
    "home/ann/thesis.odt": "x".repeat(300_000),
    "home/ann/.cache/big": "x".repeat(900_000),
    "srv/shop/index.html": "<p>",
    "var/lib/postgresql/15/main/PG_VERSION": "15\n",
    "var/lib/postgresql/15/main/global/1": "1",
    "var/lib/postgresql/15/main/base/1/2": "2",
    "usr/bin/sh": "x".repeat(100_000),
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  symlinkSync(base, join(root, "srv/out"));
  const found = await discovered({ root });
  expect([...found.keys()].sort()).toEqual([
    "files:/home/ann",
    "files:/srv/shop",
    "postgres:/var/lib/postgresql/15/main",
    "system:/",
  ]);
  expect(found.get("files:/home/ann")).toMatchObject({ sizeBytes: 300_000, criticality: "critical" });
  expect(found.get("postgres:/var/lib/postgresql/15/main")).toMatchObject({
    title: "PostgreSQL 15, not running",
    sizeBytes: 5,
  });
});

test("processes of a made-up host are read as those of this one", async () => {
  const root = join(base, "made");
  const proc = join(root, "proc");
  const put = (path: string, content: string): void => {
    mkdirSync(join(proc, path, ".."), { recursive: true });
    writeFileSync(join(proc, path), content);
  };
  put("self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
  put("net/tcp", `  sl\n   0: 0100007F:1538 00000000:0000 0A 0:0 00:0 0 0        0 4711 1\n`);
  put("net/unix", "Num\n0000: 00000002 00000000 00010000 0001 01 4712 /run/postgresql/.s.PGSQL.5432\n");
  put("40/cmdline", "/usr/lib/postgresql/15/bin/postgres\0-D\0/srv/pg\0");
  put("40/comm", "postgres\n");
  put("40/cgroup", "0::/system.slice/postgresql.service\n");
  put("41/cmdline", "postgres: walwriter \0");
  put("41/comm", "postgres\n");
  put("42/cmdline", "");
  put("43/cmdline", "redis-server *:6379\0");
  put("43/comm", "redis-server\n");
  put("43/cgroup", `0::/system.slice/docker-${"ab".repeat(32)}.scope\n`);
  mkdirSync(join(proc, "40/fd"));
  symlinkSync("socket:[4711]", join(proc, "40/fd/3"));
  symlinkSync("socket:[4712]", join(proc, "40/fd/4"));
  symlinkSync("/usr/lib/postgresql/15/bin/postgres", join(proc, "40/exe"));
  const found = await discovered({ root, proc });
  expect(found.get("postgres:/srv/pg")).toMatchObject({ title: "PostgreSQL 15, port 5432", confidence: "certain" });
  expect(found.get("redis:container abababababab")).toMatchObject({ confidence: "likely", paths: [] });
  expect([...found.keys()].filter((id) => id.startsWith("postgres:"))).toHaveLength(1);
});

test("homes on a network are somebody else's, and are not looked for: the server may be gone, or be mounted by that", async () => {
  const root = join(base, "networked");
  const proc = join(root, "proc");
  const passwd = [
    "ann:x:1000:1000::/home/ann:/bin/sh",
    "bob:x:1001:1001::/net/bob:/bin/sh",
    "eve:x:1002:1002::/local/eve:/bin/sh",
  ];
  for (const home of ["home/ann", "net/bob", "local/eve"]) {
    mkdirSync(join(root, home), { recursive: true });
    writeFileSync(join(root, home, "file"), "1");
  }
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/passwd"), `${passwd.join("\n")}\n`);
  mkdirSync(join(proc, "self"), { recursive: true });
  const mounts = [
    "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
    "2 1 0:40 / /home rw - autofs auto.home rw",
    "3 1 0:41 / /net rw - nfs4 nas:/home rw",
  ];
  writeFileSync(join(proc, "self/mountinfo"), `${mounts.join("\n")}\n`);
  const homes = async (withRemote: boolean): Promise<string[]> =>
    [...(await discovered({ root, proc, withRemote })).values()]
      .filter(({ category }) => category === "home")
      .map(({ id }) => id)
      .sort();
  expect(await homes(false)).toEqual(["files:/local/eve"]);
  expect(await homes(true)).toEqual(["files:/local/eve", "files:/net/bob"]);
});

function makeRepositories(folder: string): void {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.org",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.org",
  };
  const git = (name: string, ...args: string[]): void =>
    void execFileSync("git", args, { cwd: join(folder, name), env, stdio: "ignore" });
  const commit = (name: string): void => git(name, "commit", "--allow-empty", "-m", "x");
  git(".", "init", "--bare", "remote.git");
  git(".", "clone", "remote.git", "pushed");
  commit("pushed");
  commit("pushed");
  git("pushed", "push", "origin", "HEAD");
  for (const name of ["behind", "packed", "ahead", "branch", "stashed"]) git(".", "clone", "remote.git", name);
  commit("pushed");
  git("pushed", "push", "origin", "HEAD");
  git("behind", "fetch");
  git("packed", "pull");
  git("packed", "pack-refs", "--all");
  commit("ahead");
  git("branch", "checkout", "-b", "topic");
  commit("branch");
  writeFileSync(join(folder, "stashed/f"), "1");
  git("stashed", "add", "f");
  git("stashed", "stash");
  git(".", "init", "alone");
  commit("alone");
}

function makeCertificates(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const made = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "30",
    "-addext",
    "basicConstraints=critical,CA:false",
  ];
  openssl(...made, "-subj", "/CN=shop.example.org", "-keyout", "zz.pem", "-out", "a.pem");
  // Its key is elsewhere.
  openssl(...made, "-subj", "/CN=other.example.org", "-keyout", join(base, "away.pem"), "-out", "b.pem");
}

async function answering(port: number): Promise<void> {
  for (const deadline = Date.now() + 20_000; ;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, "127.0.0.1");
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isUp) return;
    if (Date.now() > deadline) throw new Error("redis-server does not answer");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
