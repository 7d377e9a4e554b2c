/** Comparing, rewriting and upgrading, beside restic: the same differences, and repositories that it finds in order. */
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { differences, has, holdfast, messages, type Outcome, PASSWORD, restic, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();

/** Numbers in [0, 1), the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

const NAMES = ["a", "b.txt", "c d", "\u00e9", "\ud83d\ude00", "tab\there", "<&>", "Z", "zz"];

/** Changes something in a folder, as users and programs do. */
class Changer {
  readonly #root: string;
  readonly #random: () => number;
  #count = 0;

  constructor(root: string, seed: number) {
    this.#root = root;
    this.#random = randomFrom(seed);
  }

  change(): void {
    const [path, other] = [this.#path(), this.#path()];
    const acts: readonly (() => void)[] = [
      () => this.#write(path),
      () => this.#write(path),
      () => this.#isFile(path) && appendFileSync(path, `more ${this.#count}`),
      () => rmSync(path, { recursive: true, force: true }),
      () => this.#place(path, () => mkdirSync(path)),
      () => this.#place(path, () => symlinkSync(`to ${this.#count}`, path)),
      () => existsSync(path) && !other.startsWith(path) && this.#place(other, () => renameSync(path, other)),
      () =>
        existsSync(path) &&
        !other.startsWith(path) &&
        this.#place(other, () => cpSync(path, other, { recursive: true, preserveTimestamps: true })),
      () => this.#isFile(path) && this.#place(other, () => existsSync(path) && linkSync(path, other)),
      () => existsSync(path) && chmodSync(path, this.#random() < 0.5 ? 0o700 : 0o755),
      () => existsSync(path) && utimesSync(path, this.#count, this.#count),
    ];
    this.#count++;
    acts[Math.floor(this.#random() * acts.length)]?.();
  }

  #path(): string {
    const depth = 1 + Math.floor(this.#random() * 3);
    return join(this.#root, ...Array.from({ length: depth }, () => this.#name()));
  }

  #name(): string {
    return NAMES[Math.floor(this.#random() * NAMES.length)] as string;
  }

  #isFile(path: string): boolean {
    return existsSync(path) && lstatSync(path).isFile();
  }

  #write(path: string): void {
    const size = this.#random() < 0.1 ? 0 : Math.floor(this.#random() * 3000);
    this.#place(path, () => writeFileSync(path, `${this.#count} `.repeat(size)));
  }

  /** Makes room for something at a path, and the folders above it. */
  #place(path: string, make: () => void): void {
    let above = this.#root;
    for (const name of dirname(path).slice(this.#root.length).split("/").filter(Boolean)) {
      above = join(above, name);
      if (lstatSync(above, { throwIfNoEntry: false })?.isDirectory() === false) unlinkSync(above);
    }
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    make();
  }
}

/** The JSON lines of a run. */
function lines(outcome: Outcome): Record<string, unknown>[] {
  return ["change", "statistics"].flatMap((type) => messages(outcome, type));
}

function snapshotIds(repository: string): string[] {
  return (JSON.parse(succeed(holdfast(repository, ["snapshots", "--json"]))) as { id: string }[]).map(({ id }) => id);
}

describe.skipIf(!has("restic"))("diff", { timeout: 240_000 }, () => {
  test("finds and counts what restic finds and counts, in the same order and words, in generated pairs", () => {
    const repository = join(folder, "pairs");
    const source = join(folder, "pairs source");
    mkdirSync(source);
    makeQuickRepository(repository);
    const changer = new Changer(source, 7);
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 4 + round * 2; n++) changer.change();
      const backup = ["backup", "--time", `2026-01-01 00:00:${String(round).padStart(2, "0")}`, source];
      succeed((round % 3 === 0 ? restic : holdfast)(repository, backup));
    }
    const ids = snapshotIds(repository);
    expect(ids).toHaveLength(20);
    const random = randomFrom(11);
    const any = (): string => ids[Math.floor(random() * ids.length)] as string;
    const pairs = [
      ...ids.slice(1).map((id, n) => [ids[n] as string, id]),
      ...Array.from({ length: 9 }, () => [any(), any()]),
    ];
    let changes = 0;
    for (const [n, pair] of pairs.entries()) {
      const args = ["diff", ...pair, ...(n % 2 === 0 ? ["--metadata"] : [])];
      const [own, theirs] = [
        lines(holdfast(repository, [...args, "--json"])),
        lines(restic(repository, [...args, "--json"])),
      ];
      expect(own, args.join(" ")).toEqual(theirs);
      changes += own.length - 1;
      if (n % 5 === 0) {
        const [, , ...text] = succeed(restic(repository, args)).split("\n");
        expect(succeed(holdfast(repository, args)).replaceAll("\\t", "\t").split("\n")).toEqual(text);
      }
    }
    console.log(`diff: ${changes} changes in ${pairs.length} pairs, as restic has them`);
    expect(changes).toBeGreaterThan(500);
  });

  test("finds nothing between a snapshot and the files it was made of, and every change of theirs afterwards", () => {
    const repository = join(folder, "live");
    const source = join(folder, "live source");
    mkdirSync(source);
    makeQuickRepository(repository);
    const changer = new Changer(source, 23);
    for (let n = 0; n < 150; n++) changer.change();
    succeed(restic(repository, ["backup", source]));
    const live = ["diff", "latest", "--live", "--content", "--metadata", "--json"];
    expect(messages(holdfast(repository, live), "change")).toEqual([]);
    for (let n = 0; n < 40; n++) changer.change();
    const found = messages(holdfast(repository, [...live, source]), "change");
    succeed(holdfast(repository, ["backup", source]));
    // Links and devices with another target are changed content to a person, and changed metadata to restic.
    const [before, after] = snapshotIds(repository) as [string, string];
    const between = messages(restic(repository, ["diff", "--metadata", "--json", before, after]), "change");
    // restic also counts inodes, times of change and what is below a folder as metadata.
    const certain = (all: Record<string, unknown>[]): unknown[] =>
      all.filter(({ modifier }) => /[-+T]/.test(String(modifier)));
    expect(certain(found)).toEqual(certain(between));
    const seen = new Set(between.map(({ path }) => path));
    expect(found.filter(({ path }) => !seen.has(path))).toEqual([]);
    const content = between.filter(({ modifier }) => String(modifier).startsWith("M")).map(({ path }) => path);
    const own = new Set(found.filter(({ modifier }) => String(modifier).startsWith("M")).map(({ path }) => path));
    expect(content.filter((path) => !own.has(path))).toEqual([]);
  });
});

describe.skipIf(!has("restic") || !has("rsync"))("rewrite", { timeout: 120_000 }, () => {
  const repository = join(folder, "rewritten");
  const source = join(folder, "rewritten source");
  let secret = "";

  beforeAll(() => {
    mkdirSync(join(source, "kept", "deep"), { recursive: true });
    mkdirSync(join(source, "customers", "4711"), { recursive: true });
    writeFileSync(join(source, "kept", "file"), "stays");
    writeFileSync(join(source, "customers", "4711", "letter"), "to be erased ".repeat(100));
    makeQuickRepository(repository);
    for (const [n, program] of [restic, holdfast, restic].entries()) {
      writeFileSync(join(source, "kept", "deep", "number"), String(n));
      succeed(program(repository, ["backup", source]));
    }
    secret = succeed(holdfast(repository, ["dump", "latest", join(source, "customers", "4711", "letter")]));
  });

  test("takes a folder out of all snapshots, whoever made them, and restic finds everything in order", () => {
    const old = snapshotIds(repository);
    const [summary] = messages(
      holdfast(repository, ["rewrite", "--exclude", join(source, "customers"), "--forget", "--json"]),
      "summary",
    );
    expect(summary).toMatchObject({ forgotten_snapshots: old });
    expect(snapshotIds(repository)).toHaveLength(3);
    succeed(restic(repository, ["check", "--read-data"]));
    succeed(holdfast(repository, ["check", "--read-data"]));
    rmSync(join(source, "customers"), { recursive: true });
    for (const program of [restic, holdfast]) {
      const target = join(folder, `restored by ${program.name}`);
      succeed(program(repository, ["restore", "latest", "--target", target]));
      // The folder above lost an entry, so that its time is another now; everything else is as it was.
      utimesSync(source, 1, 1);
      utimesSync(join(target, source), 1, 1);
      expect(differences(source, join(target, source))).toBe("");
    }
  });

  test("can be undone until a prune, and after one without grace nothing of it is left", () => {
    const rewritten = snapshotIds(repository);
    const forgotten = JSON.parse(succeed(holdfast(repository, ["unforget", "--list", "--json"]))) as { id: string }[];
    expect(forgotten).toHaveLength(3);
    const one = forgotten[0]?.id ?? "";
    succeed(holdfast(repository, ["unforget", one]));
    const letter = join(source, "customers", "4711", "letter");
    expect(succeed(restic(repository, ["dump", one, letter]))).toBe(secret);
    succeed(holdfast(repository, ["rewrite", "--exclude", join(source, "customers"), "--forget", one]));

    const before = succeed(restic(repository, ["list", "blobs"])).split("\n");
    succeed(holdfast(repository, ["prune", "--grace", "0", "--max-unused", "0"]));
    expect(snapshotIds(repository)).toEqual(rewritten);
    const after = new Set(succeed(restic(repository, ["list", "blobs"])).split("\n"));
    const gone = before.filter((blob) => !after.has(blob));
    expect(gone.filter((blob) => blob.startsWith("data"))).toHaveLength(1);
    for (const blob of after) {
      const [, id = ""] = blob.split(" ");
      if (id === "") continue;
      const content = succeed(restic(repository, ["cat", "blob", id]));
      expect(content.includes("to be erased") || content.includes("4711"), blob).toBe(false);
    }
    expect(holdfast(repository, ["restore", one, "--target", join(folder, "no")]).status).toBe(1);
    succeed(restic(repository, ["check", "--read-data"]));
  });
});

describe.skipIf(!has("restic"))("migrate", { timeout: 120_000 }, () => {
  const repository = join(folder, "old");
  const source = join(folder, "old source");

  beforeAll(() => {
    mkdirSync(source);
    writeFileSync(join(source, "text"), "compresses well ".repeat(100_000));
    makeQuickRepository(repository, 1);
    succeed(restic(repository, ["backup", source]));
  });

  test("upgrades a repository that restic filled; both go on in it, and the old data is compressed by a prune", () => {
    expect(messages(holdfast(repository, ["migrate", "--json"]), "migration")).toMatchObject([
      { name: "upgrade_repo_v2" },
    ]);
    succeed(holdfast(repository, ["migrate", "upgrade_repo_v2"]));
    expect(JSON.parse(succeed(restic(repository, ["cat", "config"])))).toMatchObject({ version: 2 });
    succeed(restic(repository, ["check", "--read-data"]));
    expect(succeed(restic(repository, ["migrate"]))).not.toContain("upgrade_repo_v2");
    appendFileSync(join(source, "text"), "and more ".repeat(100_000));
    succeed(restic(repository, ["backup", source]));
    succeed(holdfast(repository, ["backup", source]));
    const size = (): number => {
      const stats = succeed(holdfast(repository, ["stats", "--mode", "raw-data", "--json"]));
      return (JSON.parse(stats) as { total_size: number }).total_size;
    };
    const before = size();
    succeed(holdfast(repository, ["prune", "--repack-uncompressed"]));
    expect(size()).toBeLessThan(before / 10);
    succeed(restic(repository, ["check", "--read-data"]));
    expect(succeed(restic(repository, ["dump", "latest", join(source, "text")]))).toBe(
      readFileSync(join(source, "text"), "utf8"),
    );
  });

  test("a second time, an unknown name, and a repository without a config each end with what to do", () => {
    expect(holdfast(repository, ["migrate", "upgrade_repo_v2"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("has version 2 already") as string,
    });
    expect(holdfast(repository, ["migrate", "upgrade_repo_v3"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("only upgrade_repo_v2") as string,
    });
    const copy = join(folder, "config copy");
    cpSync(join(repository, "config"), copy);
    unlinkSync(join(repository, "config"));
    expect(holdfast(repository, ["snapshots"]).status).toBe(10);
    writeFileSync(join(folder, "wrong copy"), PASSWORD);
    expect(holdfast(repository, ["migrate", "--restore-config", join(folder, "wrong copy")])).toMatchObject({
      status: 20,
      stderr: expect.stringContaining("not of this repository") as string,
    });
    succeed(holdfast(repository, ["migrate", "--restore-config", copy]));
    succeed(restic(repository, ["check"]));
    expect(holdfast(repository, ["migrate", "--restore-config", copy]).status).toBe(1);
  });
});
