/** Inputs at the edge of what exists: very many entries, very deep folders, odd names, streams, nothing to do. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddestTree, noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, messages, restic, run, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const repository = join(folder, "repository");
const MIB = 1024 * 1024;

beforeAll(() => makeQuickRepository(repository));

let restored = 0;

/** Saves a folder, restores it with Holdfast, and says how that differs. */
function roundTrip(source: string): string {
  succeed(holdfast(repository, ["backup", source]));
  const target = join(folder, `restored ${++restored}`);
  succeed(holdfast(repository, ["restore", "latest", "--path", source, "--target", target]));
  return differences(source, join(target, source));
}

function snapshotCount(): number {
  return readdirSync(join(repository, "snapshots")).length;
}

describe("a folder", { timeout: 600_000 }, () => {
  const entries = process.env["HOLDFAST_SCALE"] === "1" ? 1_000_000 : 100_000;

  test(`with ${entries} entries is saved, compared and restored`, () => {
    const source = join(folder, "crowded");
    mkdirSync(source);
    // In the order of their names the lengths are mixed, and some names are prefixes of others.
    for (let n = 0; n < entries; n++) writeFileSync(join(source, `${n}`), n % 1000 === 0 ? `content ${n}` : "");
    expect(roundTrip(source)).toBe("");
    appendFileSync(join(source, "4321"), "x");
    const [second] = messages(holdfast(repository, ["backup", "--json", source]), "summary");
    expect(second).toMatchObject({ files_new: 0, files_changed: 1, files_unmodified: entries - 1 });
    if (has("restic")) succeed(restic(repository, ["check"]));
  });

  test("500 levels deep is saved, compared and restored", () => {
    const source = join(folder, "deep");
    makeDeep(source, "level", 500);
    expect(roundTrip(source)).toBe("");
    const [second] = messages(holdfast(repository, ["backup", "--json", source]), "summary");
    expect(second).toMatchObject({ files_new: 0, files_changed: 0, files_unmodified: 500, dirs_new: 0 });
  });

  test("whose paths get longer than the system takes is saved as far as it goes, and the rest is reported", () => {
    const source = join(folder, "too deep");
    makeDeep(source, "a name of forty characters, more or less -", 120);
    const { status, stderr } = holdfast(repository, ["backup", source]);
    expect(stderr).toContain("ENAMETOOLONG");
    expect(stderr).not.toMatch(/ at .*\.js:/);
    expect(status).toBe(3);
    succeed(holdfast(repository, ["check", "--read-data"]));
  });

  test("with long paths of characters that take two code units is saved and restored", () => {
    // However a path is cut for display, a half of a pair must not end the backup.
    for (const shift of ["", "x"]) {
      const source = join(folder, `pairs${shift}`);
      makeDeep(source, "😀".repeat(60), 12);
      expect(roundTrip(source)).toBe("");
    }
  });

  test("with every kind of file and name comes back as it was", () => {
    const source = join(folder, "odd");
    mkdirSync(source);
    makeOddestTree(source);
    expect(roundTrip(source)).toBe("");
  });

  test("that is named by bytes which are no UTF-8 is saved, listed and restored", () => {
    const script = (words: string): string[] => [
      "-c",
      `cd "$0" && bytes=$(printf 'name\\377\\376') && ${words}`,
      folder,
    ];
    succeed(run("sh", script('mkdir "$bytes" && echo inside > "$bytes/file"')));
    const command = `"$NODE" "$ENTRY" -r "$0/repository" --no-cache`;
    const env = { NODE: process.execPath, ENTRY: holdfastCommand(repository, [])[1][0] as string };
    succeed(run("sh", script(`${command} backup "$bytes"`), { env }));
    succeed(run("sh", script(`${command} restore latest --target named --include "$bytes"`), { env }));
    expect(succeed(run("sh", script(`cat "named/$bytes/file"`)))).toBe("inside\n");
  });
});

describe("a file", { timeout: 60_000 }, () => {
  test("of a size at which something begins is saved and restored", () => {
    const source = join(folder, "sizes");
    mkdirSync(source);
    const sizes = [0, 1, 63, 64, 65, 512 * 1024, MIB, 8 * MIB, 9 * MIB, 32 * MIB];
    const bytes = noise(32 * MIB + 8, 11);
    for (const size of sizes) {
      for (const near of [size - 1, size, size + 1]) {
        if (near >= 0) writeFileSync(join(source, `noise ${near}`), bytes.subarray(0, near));
      }
      writeFileSync(join(source, `zeros ${size}`), Buffer.alloc(size));
    }
    expect(roundTrip(source)).toBe("");
  });
});

describe("a stream", { timeout: 60_000 }, () => {
  const content = noise(20 * MIB + 17, 4);

  test("from standard input is stored as one file", () => {
    succeed(holdfast(repository, ["backup", "--stdin", "--stdin-filename", "dumps/db.sql"], { input: content }));
    const target = join(folder, "from stdin");
    succeed(holdfast(repository, ["dump", "latest", "/dumps/db.sql", "--target", target]));
    expect(readFileSync(target).equals(content)).toBe(true);
    if (!has("restic")) return;
    const theirs = join(folder, "from restic");
    succeed(restic(repository, ["restore", "latest", "--target", theirs]));
    expect(readFileSync(join(theirs, "dumps", "db.sql")).equals(content)).toBe(true);
  });

  test("from standard input deduplicates against the same content in a file", () => {
    const source = join(folder, "as file");
    writeFileSync(source, content);
    const [summary] = messages(holdfast(repository, ["backup", "--json", source]), "summary");
    expect(summary).toMatchObject({ data_blobs: 0 });
  });

  test("of nothing is an empty file", () => {
    succeed(holdfast(repository, ["backup", "--stdin"], { input: "" }));
    expect(succeed(holdfast(repository, ["dump", "latest", "/stdin"]))).toBe("");
  });

  test("from a command is stored as one file", () => {
    const command = ["backup", "--stdin-from-command", "--stdin-filename", "answer", "--", "sh", "-c", "echo 42"];
    succeed(holdfast(repository, command));
    expect(succeed(holdfast(repository, ["dump", "latest", "/answer"]))).toBe("42\n");
  });

  test.for([
    { what: "fails after its output", command: ["sh", "-c", "head -c 3000000 /dev/urandom; exit 7"] },
    { what: "is killed", command: ["sh", "-c", "echo beginning; kill -9 $$"] },
    { what: "does not exist", command: ["/nonexistent/program"] },
  ])("from a command that $what makes no snapshot", ({ command }) => {
    const before = snapshotCount();
    const { status, stderr } = holdfast(repository, ["backup", "--stdin-from-command", "--", ...command]);
    expect(status).toBe(1);
    expect(stderr).toContain(command[0]);
    expect(snapshotCount()).toBe(before);
    succeed(holdfast(repository, ["check"]));
  });
});

describe("a backup that is not to do anything", { timeout: 60_000 }, () => {
  const source = join(folder, "small");

  beforeAll(() => {
    mkdirSync(source);
    writeFileSync(join(source, "file"), "first\n");
    symlinkSync("file", join(source, "link"));
  });

  /** Every file and folder of the repository with all that a write would change. */
  function traces(): string {
    return succeed(run("find", [repository, "-printf", "%p %s %T@ %C@ %i\\n"]));
  }

  test("with --dry-run writes nothing at all, and says what it would have done", () => {
    const before = traces();
    const [summary] = messages(holdfast(repository, ["backup", "--json", "--dry-run", source]), "summary");
    expect(summary).toMatchObject({ files_new: 1, dry_run: true, data_blobs: 1 });
    expect(traces()).toBe(before);
  });

  test("with --skip-if-unchanged makes a snapshot only when something changed", () => {
    // By a relative path: the folders above, whose times others change, are then no part of the snapshot.
    const backup = (...options: string[]): string =>
      succeed(holdfast(repository, ["backup", ...options, "small"], { cwd: folder }));
    backup();
    const before = snapshotCount();
    backup("--skip-if-unchanged");
    expect(snapshotCount()).toBe(before);
    writeFileSync(join(source, "file"), "second\n");
    backup("--skip-if-unchanged");
    expect(snapshotCount()).toBe(before + 1);
  });
});

/** Folders in folders, each with a file in it; beyond the length that paths may have. */
function makeDeep(root: string, name: string, levels: number): void {
  mkdirSync(root);
  const script = 'cd "$0" && for n in $(seq "$2"); do echo "$n" > file && mkdir "$1" && cd -P "./$1" || exit 1; done';
  execFileSync("bash", ["-c", script, root, name, String(levels)]);
}
