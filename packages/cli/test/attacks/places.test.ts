/**
 * Attacks on what machines back up (7), and by whoever rules the place of the repository (11, 13), with the command line as people
 * run it.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type AgedRepository, copyOf, jsonOf, makeAgedRepository, namesIn } from "../aged-repository.ts";
import { type Ended, holdfast, makeRepository, temporaryFolder } from "../command-runner.ts";

const folder = temporaryFolder();
const PASSWORD = "correct horse";
let runs = 0;

/** A machine with a home of its own, whose repository is in `first`, and another one that copies it to `second`. */
class Site {
  readonly #folder = join(folder, `site ${++runs}`);
  readonly source = join(this.#folder, "source");
  readonly first = join(this.#folder, "first");
  readonly second = join(this.#folder, "second");

  static async make(): Promise<Site> {
    const site = new Site();
    mkdirSync(site.source, { recursive: true });
    for (let n = 0; n < 20; n++) writeFileSync(join(site.source, `f${n}`), `content ${n}\n`.repeat(500));
    for (const place of [site.first, site.second]) await makeRepository(site.#variables(place, "home"));
    return site;
  }

  #variables(place: string, machine: string): Record<string, string> {
    return {
      HOLDFAST_REPOSITORY: place,
      HOLDFAST_PASSWORD: PASSWORD,
      HOLDFAST_FROM_REPOSITORY: this.first,
      HOLDFAST_FROM_PASSWORD: PASSWORD,
      XDG_STATE_HOME: join(this.#folder, `state of ${machine}`),
    };
  }

  /** As the machine that is backed up. */
  run(...argv: string[]): Promise<Ended> {
    return holdfast(argv, { variables: this.#variables(this.first, "home") });
  }

  /** As another one, such as an attacker with the password. */
  elsewhere(...argv: string[]): Promise<Ended> {
    return holdfast(argv, { variables: this.#variables(this.first, "elsewhere") });
  }

  async backup(...argv: string[]): Promise<Ended> {
    const outcome = await this.run("backup", ...argv, this.source);
    expect(outcome.code, outcome.stderr).toBe(0);
    return outcome;
  }

  copy(...argv: string[]): Promise<Ended> {
    return holdfast(["copy", ...argv], { variables: this.#variables(this.second, "copier") });
  }

  async restoreFromSecond(snapshot = "latest"): Promise<string> {
    const target = join(this.#folder, `target ${++runs}`);
    const argv = ["restore", snapshot, "-t", target, "--verify"];
    const { code, stderr } = await holdfast(argv, { variables: this.#variables(this.second, "copier") });
    expect(code, stderr).toBe(0);
    return differences(this.source, join(target, this.source));
  }

  async checkSecond(): Promise<void> {
    const { code, stdout } = await holdfast(["check", "--read-data"], {
      variables: this.#variables(this.second, "copier"),
    });
    expect(code, stdout).toBe(0);
  }
}

/** What differs between two folders; the exit code of 1 only says that something does. */
function differences(a: string, b: string): string {
  try {
    return execFileSync("diff", ["-r", a, b], { encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Every file below a folder with its content, but for locks. */
function contentOf(root: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
    if (statSync(join(root, name)).isFile() && !name.startsWith("locks"))
      found.set(name, readFileSync(join(root, name), "latin1"));
  }
  return found;
}

/** Everything that was there is there, byte for byte. */
function expectNothingLost(before: Map<string, string>, after: Map<string, string>): void {
  for (const [name, bytes] of before) expect(after.get(name) === bytes, name).toBe(true);
}

describe(
  "attack 7, excludes or paths are changed so that backups succeed and hold nothing:",
  { timeout: 180_000 },
  () => {
    let site: Site;
    beforeEach(async () => {
      site = await Site.make();
    });

    test("a backup that shrank says so, is made all the same, and fails when it is asked to", async () => {
      expect((await site.backup()).stderr).not.toContain("warning");
      const { stderr } = await site.backup("--exclude", "f1*");
      expect(stderr).toMatch(
        /warning: this backup holds much less than the one before: 9 files, .* after 20 files, .*; `holdfast diff /,
      );
      // The one before is the small one now.
      expect((await site.backup("--exclude", "f1*")).stderr).not.toContain("warning");
      await site.backup();
      const failing = await site.run("backup", "--fail-if-shrunk", "--json", "--exclude", "f1*", site.source);
      expect(failing.code).toBe(21);
      const summary = failing.stdout.split("\n").find((line) => line.includes('"summary"')) ?? "";
      expect(JSON.parse(summary)).toMatchObject({
        snapshot_id: expect.any(String),
        shrunk: { empty: false, files: 20 },
      });
      expect(jsonOf(await site.run("snapshots", "--json")).flat()).toHaveLength(5);
    });

    test("an empty one says so also when it is the first, when nothing else is to be said, and in a dry run", async () => {
      for (const argv of [["-q"], ["--dry-run"], ["--max-shrink", "100%"]]) {
        expect((await site.backup(...argv, "--exclude", "*")).stderr).toContain("warning: this backup is empty");
      }
      const { code } = await site.run("backup", "--fail-if-shrunk", "--exclude", "*", site.source);
      expect(code).toBe(21);
    });

    test.for([
      ["90%", undefined],
      ["20%", "holds much less"],
    ] as const)("--max-shrink %s sets how much less is too little", async ([limit, expected]) => {
      await site.backup();
      const { stderr } = await site.backup(
        "--max-shrink",
        limit,
        "--exclude",
        "f1",
        "--exclude",
        "f2",
        "--exclude",
        "f3",
        "--exclude",
        "f4",
      );
      if (expected === undefined) expect(stderr).not.toContain("warning");
      else expect(stderr).toContain(expected);
    });

    test("a share that is none is refused before anything is stored", async () => {
      const { code, stderr } = await site.run("backup", "--max-shrink", "half", site.source);
      expect([code, stderr]).toEqual([2, expect.stringContaining("give a share such as 30%")]);
    });
  },
);

describe("attack 7, forget:", { timeout: 180_000 }, () => {
  const DAYS = 20;
  let base: AgedRepository;
  beforeAll(async () => {
    base = await makeAgedRepository(join(folder, (mkdirSync(join(folder, "aged-7")), "aged-7")), DAYS);
  });

  test("removes nothing of a source whose newest snapshot is empty, until somebody allows it or says since when it is smaller", async () => {
    const repository = copyOf(base);
    const emptied = ["backup", "-q", "--host", "box", "--exclude", "*", join(folder, "aged-7", "source")];
    expect((await repository.run(...emptied)).code).toBe(0);
    const forget = ["forget", "--keep-last", "12"];
    const { code, stderr } = await repository.run(...forget);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /nothing was forgotten: the newest snapshot of host box, .* is empty, and [0-9a-f]{8} held 1 file with 4 bytes/,
    );
    expect(stderr).toContain("--allow shrunken");
    expect(namesIn(repository, "snapshots")).toHaveLength(DAYS + 1);
    expect((await repository.run(...forget, "--dry-run", "--sizes-from", base.days.at(-1) ?? "")).code).toBe(1);
    const tomorrow = new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 10);
    expect((await repository.run(...forget, "--dry-run", "--sizes-from", tomorrow)).code).toBe(0);
    expect((await repository.run(...forget, "--allow", "shrunken")).code).toBe(0);
    expect(namesIn(repository, "snapshots")).toHaveLength(12);
  });
});

describe("attack 11, a key is added behind the back of the owner:", { timeout: 180_000 }, () => {
  test("the next run says so, once, and who the key says it is of; own changes are no news", async () => {
    const site = await Site.make();
    await site.backup();
    const password = join(folder, "other password");
    writeFileSync(password, "another");
    expect((await site.run("key", "add", "--new-password-file", password)).code).toBe(0);
    expect((await site.backup()).stderr).not.toContain("warning");
    expect(
      (
        await site.elsewhere(
          "key",
          "add",
          "--new-password-file",
          password,
          "--user",
          "mallory\u001b[2J",
          "--host",
          "evil",
        )
      ).code,
    ).toBe(0);
    const { stderr } = await site.backup();
    expect(stderr).toMatch(
      /warning: the keys of the repository are not those that this machine saw on .*: 1 key added: [0-9a-f]{8} \(made by mallory.*@evil on /,
    );
    expect(stderr).not.toContain("\u001b");
    expect((await site.backup()).stderr).not.toContain("warning");
    const [, , , foreign] = jsonOf(await site.run("key", "list", "--json")).flat() as {
      id: string;
      hostName: string;
      created: string;
    }[];
    const added = (
      jsonOf(await site.run("key", "list", "--json")).flat() as { id: string; hostName: string; created: string }[]
    ).find(({ hostName }) => hostName === "evil");
    expect([foreign, added?.created]).toEqual([undefined, expect.stringMatching(/^20\d\d-/)]);
    expect((await site.elsewhere("key", "remove", added?.id ?? "")).code).toBe(0);
    expect((await site.run("snapshots")).stderr).toContain("1 key removed");
  });
});

describe("attack 13, whoever rules the first place", { timeout: 180_000 }, () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.make();
    await site.backup();
    expect((await site.copy()).code).toBe(0);
  });

  test("forgets all and prunes: the copy takes no deletion over, and says what is gone", async () => {
    await site.backup();
    expect((await site.copy("-q")).code).toBe(0);
    const before = contentOf(site.second);
    const ids = namesOf(site.first);
    const forget = ["forget", ...ids, "--min-age", "0", "--keep-at-least", "0", "--prune", "--grace", "0"];
    expect((await site.elsewhere(...forget)).code).toBe(0);
    expect(namesOf(site.first)).toEqual([]);
    const { code, stderr } = await site.copy();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /warning: the other repository has lost 2 snapshots that are here, .*: it has no snapshot at all. Nothing was removed here/,
    );
    expectNothingLost(before, contentOf(site.second));
    expect(await site.restoreFromSecond()).toBe("");
    // The machine itself notices as well.
    expect((await site.backup()).stderr).toMatch(
      /warning: snapshot [0-9a-f]{8} of .*, which was the newest of this source, is gone, and none is left/,
    );
  });

  test("deletes everything: the copy fails, loses nothing, and restores all", async () => {
    const before = contentOf(site.second);
    rmSync(site.first, { recursive: true });
    expect((await site.copy()).code).toBe(10);
    expectNothingLost(before, contentOf(site.second));
    await site.checkSecond();
    expect(await site.restoreFromSecond()).toBe("");
  });

  test("puts an older state in its place: machine and copy both say what was known and is gone", async () => {
    const older = `${site.first} of yesterday`;
    cpSync(site.first, older, { recursive: true, preserveTimestamps: true });
    writeFileSync(join(site.source, "new"), "of today");
    await site.backup();
    expect((await site.copy("-q")).code).toBe(0);
    const before = contentOf(site.second);
    rmSync(site.first, { recursive: true });
    renameSync(older, site.first);
    // All of it is genuine, so a check finds nothing.
    expect((await site.run("check", "--read-data")).code).toBe(0);
    const { code, stderr } = await site.copy();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /warning: the other repository has lost 1 snapshot that is here, up to [0-9a-f]{8} of .*: its newest of that source is [0-9a-f]{8}/,
    );
    const { stderr: told } = await site.backup();
    expect(told).toMatch(
      /warning: snapshot [0-9a-f]{8} of .*, which was the newest of this source, is gone, and the newest that is left is/,
    );
    // Said once: now there is a newer one.
    expect((await site.backup()).stderr).not.toContain("warning");
    expectNothingLost(before, contentOf(site.second));
    expect(await site.restoreFromSecond()).toBe("");
  });

  test("forgets in the usual way: that is no alarm", async () => {
    await site.backup();
    expect((await site.copy("-q")).code).toBe(0);
    expect((await site.run("forget", "latest", "--min-age", "0", "--keep-at-least", "0")).code).toBe(0);
    expect((await site.copy()).stderr).not.toContain("has lost");
    expect((await site.backup()).stderr).not.toContain("is gone");
  });

  test("damages packs, snapshots and keys: nothing good in the copy is replaced, and all is restored", async () => {
    const before = contentOf(site.second);
    writeFileSync(join(site.source, "new"), "of today".repeat(1000));
    await site.backup();
    for (const name of readdirSync(join(site.first, "data"), { recursive: true, encoding: "utf8" })) {
      const path = join(site.first, "data", name);
      if (statSync(path).isFile()) damage(path);
    }
    const { code, stdout, stderr } = await site.copy();
    expect([3, 20], stdout + stderr).toContain(code);
    expectNothingLost(before, contentOf(site.second));
    await site.checkSecond();
    rmSync(join(site.source, "new"));
    expect(await site.restoreFromSecond()).toBe("");
    for (const name of namesOf(site.first)) damage(join(site.first, "snapshots", name));
    expect((await site.copy()).code).not.toBe(0);
    expectNothingLost(before, contentOf(site.second));
    await site.checkSecond();
  });
});

function namesOf(place: string): string[] {
  return readdirSync(join(place, "snapshots"));
}

/** Changes a byte in the middle, and leaves size and time as they were. */
function damage(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  rmSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}
