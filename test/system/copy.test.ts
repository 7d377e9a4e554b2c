/** Copies of snapshots on the command line: beside restic's, killed, refused, on a full disk, and as the second copy that mends the first. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "@holdfast/base";
import { openRepository, withLock } from "@holdfast/engine";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree, noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, messages, PASSWORD, restic, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { isRoot, mountMemory, remount, scratchFolder } from "./scratch.ts";

/** More with HOLDFAST_CRASH_RUNS, for a long run. */
const KILLS = Math.ceil(Number(process.env["HOLDFAST_CRASH_RUNS"] ?? 200) / 20);

const folder = scratchFolder();
const source = join(folder, "source");
const origin = join(folder, "origin");
const passwordFile = join(folder, "password");
const FROM = ["--from-password-file", passwordFile];
let made = 0;

function newRepository(version: 1 | 2 = 2): string {
  const repository = join(folder, `repository ${++made}`);
  makeQuickRepository(repository, version);
  return repository;
}

/** The first repository as a new copy of its files. */
function twin(repository = origin): string {
  const copy = join(folder, `twin ${++made}`);
  cpSync(repository, copy, { recursive: true });
  return copy;
}

function copyArguments(from: string): string[] {
  return ["copy", "--from-repo", from, ...FROM];
}

const copyBy = {
  holdfast: (from: string, to: string) => holdfast(to, copyArguments(from)),
  restic: (from: string, to: string) => restic(to, copyArguments(from)),
};

/** Packs with their sizes, the largest first. */
function packsOf(repository: string): string[] {
  const paths = readdirSync(join(repository, "data"), { recursive: true, withFileTypes: true })
    .filter((entry) => /^[0-9a-f]{64}$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return paths.sort((a, b) => statSync(b).size - statSync(a).size);
}

function expectSound(repository: string): void {
  succeed(holdfast(repository, ["check", "--read-data"]));
  if (has("restic")) succeed(restic(repository, ["check", "--read-data"]));
}

function expectRestores(repository: string): void {
  const target = join(folder, `restored ${++made}`);
  succeed(holdfast(repository, ["restore", "latest", "--target", target]));
  expect(differences(source, join(target, source))).toBe("");
  rmSync(target, { recursive: true });
}

beforeAll(() => {
  writeFileSync(passwordFile, PASSWORD);
  mkdirSync(source);
  makeOddTree(source);
  for (let n = 0; n < 40; n++) writeFileSync(join(source, `noise ${n}`), noise(200_000, n + 1));
  makeQuickRepository(origin);
  succeed(holdfast(origin, ["backup", source, "--tag", "first"]));
  writeFileSync(join(source, "later"), "later");
  succeed(holdfast(origin, ["backup", source, "--tag", "second"]));
});

describe.skipIf(!has("restic") || !has("rsync"))("copies of two programs", { timeout: 180_000 }, () => {
  test.for([
    ["holdfast", 2, 2],
    ["holdfast", 2, 1],
    ["holdfast", 1, 2],
    ["restic", 2, 2],
  ] as const)("%s copies from version %i to %i, and both programs find everything in order", ([copier, from, to]) => {
    const first = newRepository(from);
    const second = newRepository(to);
    succeed(restic(first, ["backup", source]));
    succeed(copyBy[copier](first, second));
    expectSound(second);
    expectRestores(second);
  });

  test("what one has copied the other does not copy again, there or back", () => {
    for (const [first, other] of [
      ["holdfast", "restic"],
      ["restic", "holdfast"],
    ] as const) {
      const copy = newRepository();
      succeed(copyBy[first](origin, copy));
      const snapshots = readdirSync(join(copy, "snapshots"));
      succeed(copyBy[other](origin, copy));
      expect(readdirSync(join(copy, "snapshots"))).toEqual(snapshots);
      const back = twin();
      const before = readdirSync(join(back, "snapshots"));
      succeed(copyBy[other](copy, back));
      expect(readdirSync(join(back, "snapshots"))).toEqual(before);
    }
  });
});

describe("a copy", { timeout: 120_000 }, () => {
  test("takes the snapshots that are named, or that the filters choose", () => {
    const copied = (args: string[]): number =>
      messages(holdfast(newRepository(), [...copyArguments(origin), "--json", ...args]), "snapshot_copied").length;
    expect(copied([])).toBe(2);
    expect(copied(["latest"])).toBe(1);
    expect(copied(["--tag", "first"])).toBe(1);
    expect(copied(["--host", "nobody"])).toBe(0);
    expect(holdfast(newRepository(), [...copyArguments(origin), "0000"]).stderr).toContain("no snapshot matches");
  });

  test("with --dry-run writes nothing, and says what it would do", () => {
    const target = newRepository();
    const [summary] = messages(holdfast(target, [...copyArguments(origin), "--dry-run", "--json"]), "summary");
    expect(packsOf(target)).toEqual([]);
    expect(readdirSync(join(target, "snapshots"))).toEqual([]);
    const [done] = messages(holdfast(target, [...copyArguments(origin), "--json"]), "summary");
    expect(summary).toMatchObject({
      dry_run: true,
      snapshots_copied: 2,
      blobs: done?.["blobs"],
      bytes: done?.["bytes"],
    });
  });

  test("warns once when the two repositories cut files at different places", () => {
    const other = join(folder, `repository ${++made}`);
    succeed(holdfast(other, ["init"]));
    const warning = /cut files at different places/g;
    expect(holdfast(other, copyArguments(origin)).stderr.match(warning)?.length).toBe(1);
    expect(holdfast(other, copyArguments(origin)).stderr).not.toMatch(warning);
    expect(holdfast(newRepository(), copyArguments(origin)).stderr).not.toMatch(warning);
  });

  test("refuses the same repository, however it is named, and takes a copy of its files for another one", () => {
    const link = join(folder, "link");
    symlinkSync(origin, link);
    for (const other of [origin, link, `${origin}/.`]) {
      const { status, stderr } = holdfast(origin, copyArguments(other));
      expect([status, stderr]).toEqual([2, expect.stringContaining("is both the repository and the one of")]);
    }
    expect(succeed(holdfast(twin(), copyArguments(origin)))).toContain("nothing to copy, 2 are there already");
  });

  test("says which password is wrong, and which repository is not there", () => {
    const wrong = { env: { HOLDFAST_FROM_PASSWORD: "wrong", RESTIC_FROM_PASSWORD: "wrong" } };
    const from = holdfast(newRepository(), ["copy", "--from-repo", origin], wrong);
    expect([from.status, from.stderr]).toEqual([12, expect.stringContaining("--from-repo could not be opened")]);
    const own = holdfast(newRepository(), copyArguments(origin), { env: { HOLDFAST_PASSWORD: "wrong" } });
    expect([own.status, own.stderr]).toEqual([12, expect.not.stringContaining("--from-repo")]);
    expect(holdfast(newRepository(), copyArguments(join(folder, "nowhere"))).status).toBe(10);
    expect(holdfast(newRepository(), ["copy"]).status).toBe(2);
  });

  test("says which repository is locked", async () => {
    const [locked, target] = [twin(), newRepository()];
    const { signal } = new AbortController();
    const repository = await openRepository(openLocal(locked), new Secret(PASSWORD), { signal });
    await withLock(repository, { exclusive: true, signal }, async () => {
      const from = holdfast(target, copyArguments(locked));
      expect([from.status, from.stderr]).toEqual([11, expect.stringContaining("--from-repo could not be locked")]);
      const own = holdfast(locked, copyArguments(origin));
      expect([own.status, own.stderr]).toEqual([11, expect.not.stringContaining("--from-repo")]);
      expect(holdfast(target, [...copyArguments(locked), "--no-lock"]).status).toBe(0);
    });
  });

  test("of a source with a pack that cannot be read ends with code 3, and names what is lost", () => {
    const broken = twin();
    const [largest] = packsOf(broken);
    rmSync(largest as string);
    mkdirSync(largest as string);
    const target = newRepository();
    const outcome = holdfast(target, copyArguments(broken));
    expect(outcome.status).toBe(3);
    expect(outcome.stderr).toContain("not copied:");
    expect(outcome.stderr).toMatch(/noise \d+: 1 part/);
    expectSound(target);
    succeed(holdfast(target, copyArguments(origin)));
    expectRestores(target);
  });

  test(`killed at any moment (${KILLS} times) leaves a repository in order, and goes on from there`, async () => {
    const usual = newRepository();
    const begun = performance.now();
    succeed(await start(...holdfastCommand(usual, copyArguments(origin))).outcome);
    const takesMs = performance.now() - begun;
    const target = newRepository();
    let killed = 0;
    for (let n = 0; n < KILLS; n++) {
      const { child, outcome } = start(...holdfastCommand(target, copyArguments(origin)));
      await Promise.race([sleep(Math.random() * takesMs), outcome]);
      child.kill("SIGKILL");
      if ((await outcome).status === null) killed++;
      succeed(holdfast(target, ["check", "--read-data"]));
    }
    process.stdout.write(`copy: killed ${killed} of ${KILLS} times\n`);
    // restic waits for these; Holdfast sees that their processes are gone.
    for (const repository of [origin, target]) succeed(holdfast(repository, ["unlock"]));
    succeed(holdfast(target, copyArguments(origin)));
    expectSound(target);
    expectRestores(target);
    expect(readdirSync(join(target, "snapshots")).length).toBe(2);
  });

  test.for(["SIGINT", "SIGKILL"] as const)(
    "ended by %s in the middle does not send again what it has stored",
    async (signal) => {
      const target = newRepository();
      const args = [...copyArguments(origin), "--limit-upload", "2000", "--pack-size", "4"];
      const { child, outcome } = start(...holdfastCommand(target, args));
      while (packsOf(target).length === 0 && child.exitCode === null) await sleep(50);
      child.kill(signal);
      const { status, stderr } = await outcome;
      if (signal === "SIGINT") {
        expect([status, stderr]).toEqual([130, expect.stringContaining("Run it again to go on")]);
      } else expect(status).toBe(null);
      const stored = packsOf(target).length;
      expect(stored).toBeGreaterThan(0);
      const [rest] = messages(holdfast(target, [...copyArguments(origin), "--json"]), "summary");
      const [all] = messages(holdfast(newRepository(), [...copyArguments(origin), "--json"]), "summary");
      expect(Number(rest?.["bytes"])).toBeLessThan(Number(all?.["bytes"]));
      expect(packsOf(target).length).toBeGreaterThan(stored);
      if (signal === "SIGKILL") for (const repository of [origin, target]) succeed(holdfast(repository, ["unlock"]));
      expectSound(target);
      expectRestores(target);
    },
  );

  test("carries no deletion over: what was forgotten and pruned in the first, or destroyed there, stays in the second", () => {
    const first = twin();
    const target = newRepository();
    succeed(holdfast(target, copyArguments(first)));
    const before = readdirSync(join(target, "snapshots"));
    succeed(holdfast(first, ["forget", "--keep-last", "1", "--keep-at-least", "0", "--min-age", "0"]));
    succeed(holdfast(first, ["prune", "--grace", "0"]));
    succeed(holdfast(target, copyArguments(first)));
    expect(readdirSync(join(target, "snapshots"))).toEqual(before);
    for (const snapshot of readdirSync(join(first, "snapshots"))) rmSync(join(first, "snapshots", snapshot));
    succeed(holdfast(target, copyArguments(first)));
    expect(readdirSync(join(target, "snapshots"))).toEqual(before);
    expectSound(target);
    expectRestores(target);
  });

  test.skipIf(!isRoot)("onto a disk that gets full says so, and goes on once there is room", () => {
    const disk = join(folder, "disk");
    mountMemory(disk, "size=7m");
    const target = join(disk, "repository");
    makeQuickRepository(target);
    const args = [...copyArguments(origin), "--pack-size", "4"];
    const { status, stderr } = holdfast(target, args);
    expect([status, stderr]).toEqual([1, expect.stringContaining("no space left")]);
    succeed(holdfast(target, ["check", "--read-data"]));
    remount(disk, "size=96m");
    succeed(holdfast(target, args));
    expectSound(target);
    expectRestores(target);
  });
});

describe("a repository that has lost packs", { timeout: 120_000 }, () => {
  let second: string;
  beforeAll(() => {
    second = newRepository();
    succeed(holdfast(second, copyArguments(origin)));
  });
  const keep = join(folder, "kept");

  test("is whole again after repair packs --from-repo, with the hint of check", () => {
    const broken = twin();
    const [gone, flipped] = packsOf(broken) as [string, string];
    rmSync(gone);
    const bytes = readFileSync(flipped);
    bytes[2000] = (bytes[2000] as number) ^ 1;
    writeFileSync(flipped, bytes);
    const found = holdfast(broken, ["check", "--read-data"]);
    expect([found.status, found.stdout]).toEqual([20, expect.stringContaining("add --from-repo LOCATION")]);
    const pack = flipped.slice(-64);
    const args = ["repair", "packs", pack, "--from-repo", second, ...FROM, "--keep-in", keep];
    const planned = succeed(holdfast(broken, [...args, "--dry-run"]));
    expect(planned).toContain("dry run: nothing was changed");
    expect(succeed(holdfast(broken, args))).toMatch(/took \d+ blobs from the other repository/);
    expect(readdirSync(keep)).toEqual([`pack-${pack}`]);
    expectSound(broken);
    expectRestores(broken);
  });

  test("without another copy hears which files are lost", () => {
    const broken = twin();
    const [largest] = packsOf(broken) as [string];
    const [hit] = [readFileSync(largest)];
    writeFileSync(largest, hit.fill(0, 1000, 300_000));
    const args = ["repair", "packs", largest.slice(-64), "--keep-in", keep];
    const { status, stdout } = holdfast(broken, args);
    expect(status).toBe(20);
    const named = [...stdout.matchAll(/^ {2}(\S.*) \(/gm)].map(([, path]) => path as string);
    expect(named.length).toBeGreaterThan(0);
    const { stdout: checked } = holdfast(broken, ["check", "--read-data", "--json"]);
    const { affected } = JSON.parse(checked.trim().split("\n").at(-1) as string) as { affected: { path: string }[] };
    expect(new Set(named)).toEqual(new Set(affected.map(({ path }) => path)));
    // All others come back, byte for byte.
    const target = join(folder, `restored ${++made}`);
    expect(holdfast(broken, ["restore", "latest", "--target", target]).status).toBeGreaterThan(0);
    const differing = differences(source, join(target, source)).split("\n");
    for (const line of differing) expect(named.some((path) => line.endsWith(path.slice(source.length + 1)))).toBe(true);
  });

  test("asks for packs or for another repository", () => {
    const { status, stderr } = holdfast(origin, ["repair", "packs"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--from-repo")]);
    expect(holdfast(origin, ["repair", "packs", "--from-repo", origin, ...FROM]).status).toBe(2);
  });
});
