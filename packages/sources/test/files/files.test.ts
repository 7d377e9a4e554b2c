/** The kind `files`, with a database among the files that another process writes to. */
import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProofReport } from "../../src/contract/source.ts";
import { filesKind } from "../../src/files/files-kind.ts";
import { type LabCapture, SourceLab, sourceConformance } from "../../src/testing/index.ts";
import { SUM, ask, end, makeBank, startWriter } from "../sqlite/bank.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };
const identity = { kind: "files", name: "home" };
const FILLERS = 1000;

sourceConformance(filesKind, async ({ folder }) => {
  const home = join(folder, "home");
  const content = (n: number): string => `content ${n}\n`.repeat(n * 50);
  mkdirSync(join(home, "deep/er"), { recursive: true });
  for (let n = 0; n < 40; n++) writeFileSync(join(home, n % 2 === 0 ? "deep" : "deep/er", `file ${n}`), content(n));
  symlinkSync("deep/file 2", join(home, "link"));
  chmodSync(join(home, "deep"), 0o710);
  makeBank(join(home, "bank.db"), "wal");
  const writer = await startWriter(join(home, "bank.db"));
  return {
    settings: { paths: [home] },
    broken: [
      { what: "no path that is there", settings: { paths: [join(folder, "absent")] }, code: "SOURCES_UNREACHABLE" },
      { what: "a snapshot that there is not", settings: { snapshot: "zfs" }, code: "SOURCES_SETTINGS" },
    ],
    async destroy() {
      await end(writer);
      rmSync(home, { recursive: true });
    },
    target: {},
    async assertRestored() {
      for (let n = 0; n < 40; n++) {
        expect(readFileSync(join(home, n % 2 === 0 ? "deep" : "deep/er", `file ${n}`), "utf8")).toBe(content(n));
      }
      expect(statSync(join(home, "deep")).mode & 0o777).toBe(0o710);
      expect(readdirSync(home).sort()).toEqual(["bank.db", "deep", "link"]);
      expect(ask(join(home, "bank.db"), "SELECT sum(balance) FROM account")).toBe(SUM);
    },
    isQuiet: async () => true,
    async close() {
      if (writer.exitCode === null && writer.signalCode === null) await end(writer);
    },
  };
});

describe("a files source", () => {
  let lab: SourceLab;
  let home: string;
  const writers: ChildProcess[] = [];
  beforeAll(async () => {
    lab = await SourceLab.open();
  });
  beforeEach(() => {
    home = join(lab.newFolder(), "home");
    mkdirSync(home);
  });
  afterAll(async () => {
    for (const writer of writers) await end(writer);
    lab.remove();
  });

  const open = (settings: Record<string, unknown>) =>
    filesKind.open("home", filesKind.settings.parse({ paths: [home], ...settings }), lab.surroundings());
  const capture = (settings: Record<string, unknown> = {}): Promise<LabCapture> =>
    lab.capture(open(settings), identity);
  const namesIn = async (folder = home): Promise<string[]> =>
    (await (await lab.captured()).list(`root${folder}`, { signal: never })).map(({ path }) =>
      path.slice(`root${folder}/`.length),
    );
  const prove = async (settings: Record<string, unknown> = {}): Promise<ProofReport> =>
    open(settings).prove(await lab.captured(), { ...silent, scratch: lab.newFolder(), signal: never });
  const put = (name: string, content = name): void => {
    mkdirSync(join(home, name, ".."), { recursive: true });
    writeFileSync(join(home, name), content);
  };

  test("leaves out what its settings say, also beside a database", async () => {
    for (const name of ["a.txt", "a.log", "cache/CACHEDIR.TAG", "cache/x", "sub/b.log", "sub/b.txt", "sub/deep/c"])
      put(name);
    put("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    put("big", "x".repeat(5000));
    makeBank(join(home, "sub/kept.db"), "delete", FILLERS);
    makeBank(join(home, "sub/left.log.db"), "delete", FILLERS);
    makeBank(join(home, "cache/cached.db"), "delete", FILLERS);
    const settings = { exclude: ["*.log", "*.log.db"], "exclude-larger-than": "4M" };
    await capture({ ...settings, "exclude-larger-than": 4500 });
    expect(await namesIn()).toEqual(["a.txt", "cache", "sub"]);
    // The database is larger than that, too.
    expect(await namesIn(join(home, "sub"))).toEqual(["b.txt", "deep"]);
    await capture(settings);
    expect(await namesIn()).toEqual(["a.txt", "big", "cache", "sub"]);
    expect(await namesIn(join(home, "sub"))).toEqual(["b.txt", "deep", "kept.db"]);
    expect(await namesIn(join(home, "cache"))).toEqual(["CACHEDIR.TAG"]);
    expect((await lab.captured()).facts.detail).toMatchObject({ databases: [join(home, "sub/kept.db")] });
  });

  test("finds databases by header and companion, and takes what only looks like one as a file", async () => {
    put("notes.db", "no database");
    makeBank(join(home, "History"), "delete", FILLERS);
    put("History-journal", "");
    makeBank(join(home, "bank.db"), "wal", FILLERS);
    writers.push(await startWriter(join(home, "bank.db")));
    const { warnings } = await capture();
    expect(warnings).toEqual([]);
    expect((await lab.captured()).facts.detail).toMatchObject({
      databases: [join(home, "History"), join(home, "bank.db")],
    });
    expect(await namesIn()).toEqual(["History", "bank.db", "notes.db"]);
  });

  test("never shows a moment that a database among the files did not have", async () => {
    makeBank(join(home, "bank.db"), "delete", FILLERS);
    writers.push(await startWriter(join(home, "bank.db")));
    for (let n = 0; n < 3; n++) {
      await capture();
      const folder = lab.newFolder();
      await (await lab.captured()).extract(`root${home}`, folder, { signal: never });
      expect(ask(join(folder, "bank.db"), "SELECT sum(balance) FROM account")).toBe(SUM);
    }
  });

  test("takes a database that cannot be copied as a file, and says so", async () => {
    makeBank(join(home, "torn.db"), "delete", FILLERS);
    const bytes = readFileSync(join(home, "torn.db"));
    writeFileSync(join(home, "torn.db"), bytes.fill(0xff, 100, 4096));
    const { warnings } = await capture();
    expect(warnings).toMatchObject([{ code: "database-as-file", message: expect.stringContaining("torn.db") }]);
    expect(await namesIn()).toEqual(["torn.db"]);
    await capture({ databases: "as-files" });
    expect((await lab.captured()).facts.detail).toMatchObject({ databases: [] });
  });

  test("says which paths are not there, or empty, and stores the others", async () => {
    put("x");
    const [absent, empty] = [join(home, "..", "absent"), lab.newFolder()];
    const { warnings } = await capture({ paths: [home, absent, empty] });
    expect(warnings.map(({ code }) => code)).toEqual(["missing-path", "empty-path"]);
    expect(await namesIn()).toEqual(["x"]);
    expect((await lab.captured()).facts.detail).toMatchObject({ paths: [home, empty] });
  });

  test("takes a single file, and paths that lie beside each other", async () => {
    for (const name of ["one/a", "two/b", "three"]) put(name);
    await capture({ paths: [join(home, "one"), join(home, "three")] });
    expect(await namesIn()).toEqual(["one", "three"]);
  });

  test("refuses settings that cannot be meant", () => {
    const refused = (settings: Record<string, unknown>) =>
      filesKind.settings.safeParse({ paths: ["/a"], ...settings }).success;
    expect(refused({})).toBe(true);
    expect(refused({ paths: [] })).toBe(false);
    expect(refused({ paths: ["relative"] })).toBe(false);
    expect(refused({ paths: ["/a/b", "/a"] })).toBe(false);
    expect(refused({ paths: ["/a/", "/a"] })).toBe(false);
    expect(refused({ exclude: ["[a"] })).toBe(false);
  });

  test("is refused a place where something is; replaced, it keeps what the snapshot does not have", async () => {
    put("kept", "as captured");
    put("sub/other");
    chmodSync(home, 0o711);
    await capture();
    const captured = await lab.captured();
    put("kept", "changed");
    put("newer");
    const restore = (overwrite: boolean) => open({}).restore(captured, { ...silent, overwrite, signal: never });
    await expect(restore(false)).rejects.toMatchObject({ code: "SOURCES_TARGET_NOT_EMPTY" });
    expect(readFileSync(join(home, "kept"), "utf8")).toBe("changed");
    await restore(true);
    expect(readFileSync(join(home, "kept"), "utf8")).toBe("as captured");
    expect(existsSync(join(home, "newer"))).toBe(true);
    // On a machine that has nothing of it, the folders above are made as they were.
    chmodSync(join(home, ".."), 0o750);
    await capture();
    const again = await lab.captured();
    rmSync(join(home, ".."), { recursive: true });
    await open({}).restore(again, { ...silent, signal: never });
    expect(statSync(join(home, "..")).mode & 0o777).toBe(0o750);
    expect(statSync(home).mode & 0o777).toBe(0o711);
  });

  test("changes no folder above that is there", async () => {
    put("x");
    await capture();
    rmSync(home, { recursive: true });
    const above = join(home, "..");
    chmodSync(above, 0o700);
    utimesSync(above, 1000, 1000);
    await open({}).restore(await lab.captured(), { ...silent, signal: never });
    expect(statSync(above).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(home, "x"), "utf8")).toBe("x");
  });

  test("is proven by a sample, and not when something older is missing in the snapshot", async () => {
    for (let n = 0; n < 20; n++) put(`file ${n}`);
    makeBank(join(home, "bank.db"), "delete", FILLERS);
    await capture();
    const report = await prove();
    expect(report.checks.map(({ passed }) => passed)).toEqual([true, true, true]);
    expect(report.checks[0]?.detail).toContain("21 entries, 20 equal to the live ones");
    // Made after the capture: no fault of the snapshot.
    put("later");
    expect((await prove()).checks.every(({ passed }) => passed)).toBe(true);
    // Excluded when it was captured, and not any more.
    put("wanted");
    await capture({ exclude: ["wanted"] });
    const lacking = await prove();
    expect(lacking.checks[1]).toMatchObject({ passed: false, detail: expect.stringContaining("wanted") });
    expect(lacking.usableAfterMs).toBeUndefined();
  });

  test("is not proven when a path, or a folder in it, was empty or absent because its disk was not mounted", async () => {
    const place = lab.newFolder();
    const [mounted, absent, inner] = [join(place, "mounted"), join(place, "absent"), join(home, "inner")];
    for (const folder of [mounted, inner]) mkdirSync(folder);
    put("x");
    const disks = ["a", "b", "c"].map((name) => join(place, name));
    for (const disk of disks) {
      mkdirSync(disk);
      writeFileSync(join(disk, `of ${disk.at(-1)}`), "x");
    }
    const settings = { paths: [home, mounted, absent] };
    const { warnings } = await capture(settings);
    expect(warnings.map(({ code }) => code).sort()).toEqual(["empty-path", "missing-path"]);
    expect((await prove(settings)).checks.every(({ passed }) => passed)).toBe(true);
    // As a mount does, this brings files that are older than the snapshot.
    for (const [n, at] of [mounted, absent, inner].entries()) {
      const disk = disks[n] as string;
      renameSync(disk, at);
      const { checks } = await prove(settings);
      expect(checks[1]).toMatchObject({ passed: false, detail: expect.stringContaining(`of ${disk.at(-1)}`) });
      renameSync(at, disk);
      if (at !== absent) mkdirSync(at);
    }
  });

  test("is proven where live files were changed and removed since", async () => {
    for (let n = 0; n < 10; n++) put(`file ${n}`);
    await capture();
    put("file 1", "changed");
    unlinkSync(join(home, "file 2"));
    const { checks } = await prove();
    expect(checks[0]).toMatchObject({ passed: true, detail: expect.stringMatching(/8 equal .* 2 changed/) });
    rmSync(home, { recursive: true });
    expect((await prove()).checks.every(({ passed }) => passed)).toBe(true);
  });
});
