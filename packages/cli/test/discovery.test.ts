/** What there is to protect, and what of it is protected, on the command line. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, HOLDFAST, holdfast, isInstalled, program, temporaryFolder } from "./command-runner.ts";

const folder = realpathSync(temporaryFolder());
const host = join(folder, "host");
const configFile = join(folder, "holdfast.yaml");
const state = join(folder, "state/holdfast/coverage.json");
const shop = join(host, "srv/shop.db");
const isRoot = process.getuid?.() === 0;

const variables = {
  HOME: join(folder, "home"),
  XDG_CONFIG_HOME: join(folder, "config"),
  XDG_STATE_HOME: join(folder, "state"),
};
const run = (...argv: string[]): Promise<Ended> => holdfast(argv, { variables });

function database(path: string): void {
  const made = new DatabaseSync(path);
  made.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  made.close();
}

beforeAll(() => {
  chmodSync(folder, 0o755);
  for (const path of ["srv", "mail/cur", "mail/new", "mail/tmp", "node_modules/x"])
    mkdirSync(join(host, path), { recursive: true });
  database(shop);
  writeFileSync(join(host, "mail/cur/1"), "From: ann\n");
  writeFileSync(join(host, "srv/notes.txt"), "notes\n");
  writeFileSync(join(host, "node_modules/x/index.js"), "x".repeat(100_000));
});

interface Json {
  readonly message_type: string;
  readonly candidates: readonly { readonly id: string; readonly kind: string; readonly size_bytes?: number }[];
  readonly entries: readonly {
    readonly id: string;
    readonly state: string;
    readonly new: boolean;
    readonly waiver?: { readonly expired: boolean };
  }[];
  readonly first_time: boolean;
  readonly gone: readonly string[];
  readonly hidden: { readonly places: readonly { readonly path: string; readonly code: string }[] };
}
const json = ({ stdout }: Ended): Json => JSON.parse(stdout) as Json;

describe("discover", () => {
  test("lists what it finds by criticality, with the reason, and where it left something out", async () => {
    const { code, stdout, stderr } = await run("discover", host);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Critical\n[\s\S]*an application wrote to it within the last week/),
    ]);
    expect(stdout).toContain(shop);
    expect(stdout).toMatch(/files \(mail\) +mail +10 B/);
    expect(stderr).toMatch(/looked at \d+ files and folders in/);
  });

  test("is one JSON object", async () => {
    const outcome = await run("discover", host, "--json");
    const { message_type, candidates } = json(outcome);
    expect([outcome.code, outcome.stderr, message_type]).toEqual([0, "", "discovery"]);
    expect(candidates.map(({ id }) => id).sort()).toEqual(
      [`files:${host}`, `files:${host}/mail`, `sqlite:${shop}`].sort(),
    );
    // What can be fetched again is not counted.
    expect(candidates.find(({ id }) => id === `files:${host}`)?.size_bytes).toBeLessThan(100_000);
  });

  test("shows one kind, by what captures it or by what it is", async () => {
    expect(json(await run("discover", host, "--json", "--kind", "sqlite")).candidates.map(({ kind }) => kind)).toEqual([
      "sqlite",
    ]);
    expect(json(await run("discover", host, "--json", "--kind", "mail")).candidates.map(({ id }) => id)).toEqual([
      `files:${host}/mail`,
    ]);
  });

  test("proposes a configuration that can be used as it is", async () => {
    const { code, stdout } = await run("discover", host, "--as-config");
    expect(code).toBe(0);
    writeFileSync(join(folder, "proposed.yaml"), stdout, { mode: 0o600 });
    const check = await run("--config", join(folder, "proposed.yaml"), "config", "check");
    expect([check.code, check.stderr]).toEqual([0, ""]);
    expect(check.stdout).toMatch(/^source sqlite-srv-shop\.db: sqlite$/m);
    const coverage = await run("--config", join(folder, "proposed.yaml"), "coverage", host, "--json");
    expect(json(coverage).entries.find(({ id }) => id === `sqlite:${shop}`)?.state).toBe("protected");
    expect(coverage.stderr).toMatch(/the configuration names no repository/);
  });

  test("looks at another system that is mounted, as if it ran here", async () => {
    mkdirSync(join(host, "etc"), { recursive: true });
    writeFileSync(join(host, "etc/fstab"), "#\n");
    const { candidates } = json(await run("discover", "--root", host, "--json"));
    expect(candidates.map(({ id }) => id)).toEqual(expect.arrayContaining(["system:/", "sqlite:/srv/shop.db"]));
  });

  test.for<[argv: string[], code: number, message: RegExp]>([
    [["--kind", "postgress"], 2, /'postgress' is not a value for --kind: give one of .*postgres/],
    [["--as-config", "--json"], 2, /a configuration is YAML/],
    [[join(folder, "none")], 1, /none cannot be read: ENOENT/],
    [[configFile], 1, /holdfast\.yaml is no folder/],
  ])("%j is refused", async ([argv, code, message]) => {
    writeFileSync(configFile, "version: 1\n");
    const outcome = await run("discover", ...argv);
    expect([outcome.code, outcome.stdout, outcome.stderr]).toEqual([code, "", expect.stringMatching(message)]);
  });
});

describe("an ordinary user", () => {
  const plain = { variables: { HOME: "/nonexistent" }, cwd: "/" };
  /** How somebody without rights is had: whoever runs the tests, an account without any, or root without its power over files. */
  const ways: readonly (readonly string[])[] = isRoot
    ? [
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        // Where the program lies in a folder of root alone.
        ["unshare", "--user", "--map-user=1000", "--map-group=1000"],
      ]
    : [["env"]];
  let way: readonly string[] = [];
  const asUser = (...argv: string[]): Promise<Ended> => {
    const [first = "", ...words] = [...way, ...HOLDFAST, ...argv];
    return program(first, words, plain);
  };
  beforeAll(async () => {
    for (way of ways) if (isInstalled(way[0] as string) && (await asUser("version")).code === 0) return;
  });

  test("sees what they may, and is told what they may not", async () => {
    const mixed = join(folder, "mixed");
    mkdirSync(join(mixed, "shut"), { recursive: true });
    database(join(mixed, "open.db"));
    database(join(mixed, "shut/inner.db"));
    chmodSync(join(mixed, "shut"), 0);
    try {
      const { code, stdout, stderr } = await asUser("discover", mixed);
      expect([code, stdout]).toEqual([0, expect.stringContaining("open.db")]);
      expect(stdout).not.toContain("inner.db");
      expect(stderr).toMatch(/a place could not be looked at, such as .*\/mixed\/shut \(EACCES\).* Run it as root/);
      expect(json(await asUser("discover", mixed, "--json")).hidden.places).toEqual([
        { path: join(mixed, "shut"), code: "EACCES" },
      ]);
    } finally {
      chmodSync(join(mixed, "shut"), 0o700);
    }
  });
});

describe("discover changes nothing:", () => {
  const all = (): string[] =>
    readdirSync(host, { recursive: true, encoding: "utf8" })
      .sort()
      .map((name) => join(host, name));

  /** Everything that a change would show in; of files also when they were read last. */
  const facts = (): string[] =>
    all().map((path) => {
      const stat = lstatSync(path, { bigint: true });
      const { mode, size, mtimeNs, ctimeNs, atimeNs } = stat;
      return [path, mode, size, mtimeNs, ctimeNs, stat.isFile() ? atimeNs : ""].join(" ");
    });
  const hashes = (): string[] =>
    all().map(
      (path) =>
        `${path} ${lstatSync(path).isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : ""}`,
    );

  test("content, times and access times of files are as they were", async () => {
    const content = hashes();
    const before = facts();
    // A file that was read after it was changed keeps its access time for a day: so that it would show, it must be older than that.
    for (const path of all()) utimesSync(path, new Date("2026-01-01"), statSync(path).mtime);
    const aged = facts();
    expect(aged).not.toEqual(before);
    expect((await run("discover", host)).code).toBe(0);
    expect(facts()).toEqual(aged);
    expect(hashes()).toEqual(content);
  });

  test.skipIf(!isInstalled("strace"))(
    "no program is started, no socket is opened, nothing is opened for writing but the program's own cache",
    async () => {
      const log = join(folder, "calls");
      const calls =
        "execve,execveat,connect,bind,sendto,sendmsg,kill,ptrace,openat,open,creat,unlink,unlinkat,rename,renameat2,mkdir,mkdirat,rmdir,chmod,fchmodat,chown,fchownat,truncate,utimensat,link,linkat,symlink,symlinkat,setxattr,mount";
      const { code, stderr } = await program(
        "strace",
        ["-f", "-qq", "-e", `trace=${calls}`, "-o", log, ...HOLDFAST, "discover", host],
        { variables },
      );
      expect(code, stderr).toBe(0);
      const lines = readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => !/resumed>|= -1 E|\+\+\+|---/.test(line) && line !== "");
      expect(lines.length).toBeGreaterThan(100);
      expect(lines.some((line) => line.includes(shop))).toBe(true);
      const reads = /\bopenat?\(.*O_RDONLY/;
      const ownCache = new RegExp(`"(/proc/self/|/dev/null|${variables.HOME}/|${join(folder, "home")})`);
      const others = lines.filter(
        (line) => !reads.test(line) && !ownCache.test(line) && !line.includes("compile-cache"),
      );
      expect(others).toEqual([expect.stringMatching(/^\d+\s+execve\(/)]);
    },
  );
});

describe("coverage", () => {
  const configure = (text: string): void => writeFileSync(configFile, `version: 1\n${text}`, { mode: 0o600 });
  const coverage = (...argv: string[]): Promise<Ended> => run("--config", configFile, "coverage", host, ...argv);
  const stateOf = async (id: string): Promise<Json["entries"][number] | undefined> =>
    json(await coverage("--json")).entries.find((entry) => entry.id === id);
  const sqlite = `sources:\n  shop:\n    kind: sqlite\n    path: ${shop}\n  mail:\n    kind: command\n    folder: ${host}/mail\n`;
  const waiver = (until: string): string =>
    `waivers:\n  - { what: "${host}/mail", owner: ann, reason: a copy of the server, until: ${until} }\n`;

  test("needs a configuration", async () => {
    const { code, stderr } = await run("coverage", host);
    expect([code, stderr]).toEqual([1, expect.stringContaining("there is no configuration")]);
  });

  test("ends with 3 when something critical is bare, and says what", async () => {
    configure("");
    const { code, stdout, stderr } = await coverage();
    expect([code, stdout]).toEqual([3, expect.stringMatching(/Not protected\n[\s\S]*critical +sqlite/)]);
    expect(stderr).toContain("something critical is not protected");
  });

  test("ends with 0 when all that is critical is protected or waived", async () => {
    configure(sqlite);
    expect((await coverage()).code).toBe(0);
    configure(`sources:\n  shop:\n    kind: sqlite\n    path: ${shop}\n${waiver("2999-01-01")}`);
    const { code, stdout } = await coverage();
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/Not protected on purpose\n[\s\S]*ann, until 2999-01-01: a copy of the server/),
    ]);
  });

  test("a waiver that has expired does not count, and is shown", async () => {
    configure(`sources:\n  shop:\n    kind: sqlite\n    path: ${shop}\n${waiver("2020-01-01")}`);
    const { code, stdout } = await coverage();
    expect([code, stdout]).toEqual([3, expect.stringContaining("waiver of ann has EXPIRED on 2020-01-01")]);
    expect(await stateOf(`files:${host}/mail`)).toMatchObject({ state: "bare", waiver: { expired: true } });
  });

  test("a database among files is protected in part", async () => {
    configure(`sources:\n  all:\n    kind: command\n    folder: ${host}\n`);
    const { code, stdout } = await coverage();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/Partly protected\n[\s\S]*not captured as a\s+database/)]);
  });

  test("what was not there last time is new, also to another run; a state that is damaged is a first time", async () => {
    configure(sqlite);
    writeFileSync(state, "{ broken");
    const first = json(await coverage("--json"));
    expect([first.first_time, first.entries.filter((entry) => entry.new)]).toEqual([true, []]);
    expect(statSync(state).mode & 0o777).toBe(0o600);
    database(join(host, "srv/new.db"));
    const { code, stdout } = await coverage();
    expect([code, stdout]).toEqual([3, expect.stringMatching(/^NEW +critical +sqlite/m)]);
    expect(await stateOf(`sqlite:${host}/srv/new.db`)).toMatchObject({ new: false, state: "bare" });
    // Other paths have a last time of their own.
    expect(json(await run("--config", configFile, "coverage", join(host, "srv"), "--json")).first_time).toBe(true);
    expect(readdirSync(join(state, ".."))).toEqual(["coverage.json"]);
  });
});
