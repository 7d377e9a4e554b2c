/** Repositories that restic wrote, restored and compared by rsync; restic's own restore of the same is the yardstick. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import { openLocal } from "@holdfast/storage";
import { beforeAll, describe, expect, test } from "vitest";
import { signal } from "../../test/made-repository.ts";
import { codes, look, newFolder } from "../../test/restore-lab.ts";
import type { Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { loadIndex } from "../repository/load-index.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { Restore, type RestoreOptions, type RestoreResult } from "./restore.ts";

const has = (program: string): boolean => spawnSync(program, ["version"]).error === undefined;
const isRoot = process.geteuid?.() === 0;

function randomBytes(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let n = 0; n < words.length; n++) words[n] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return new Uint8Array(words.buffer, 0, length);
}

/** A folder with everything that a file system can hold and restic stores. */
async function makeSource(): Promise<string> {
  const source = newFolder();
  const at = (path: string): string => join(source, path);
  for (let n = 0; n < 40; n++) {
    mkdirSync(at(`dir${n}/sub`), { recursive: true });
    for (let m = 0; m < 12; m++) writeFileSync(at(`dir${n}/file${m}`), randomBytes(n * m * 37, n * 100 + m));
    symlinkSync(`../file${n}`, at(`dir${n}/sub/link`));
  }
  writeFileSync(at("large"), randomBytes(9_000_000, 5));
  writeFileSync(at("sparse"), "start");
  truncateSync(at("sparse"), 5_000_000);
  writeFileSync(at("empty"), "");
  linkSync(at("large"), at("dir7/large too"));
  linkSync(at("dir3/file4"), at("dir5/same"));
  writeFileSync(Buffer.concat([Buffer.from(at("bytes ")), Buffer.of(0xff, 0xfe)]), "odd name");
  writeFileSync(at('new\nline "quoted" \\ ü €'), "x", { mode: 0o604 });
  chmodSync(at("dir9"), 0o1701);
  chmodSync(at("dir8/file1"), 0o4711);
  utimesSync(at("dir8"), 12.5, -3);
  await new Promise<void>((resolve) => createServer().listen(at("socket"), resolve).unref());
  execFileSync("mkfifo", [at("pipe")]);
  if (isRoot) {
    execFileSync("mknod", [at("device"), "c", "1", "3"]);
    execFileSync("chown", ["-h", "123:456", at("dir2"), at("dir2/file2"), at("dir2/sub/link")]);
  }
  execFileSync(
    "setfattr",
    ["-n", "user.note", "-v", "text", at("dir4"), at("dir4/file3")].filter((each) => each !== ""),
    { stdio: "ignore" },
  );
  execFileSync("setfacl", ["-m", "u:1:r", at("dir6/file6")]);
  execFileSync("setfacl", ["-d", "-m", "g:2:rwx", at("dir6")]);
  return source;
}

describe.runIf(isRoot && has("restic") && has("rsync"))("a repository that restic wrote", () => {
  let source: string;
  let repository: Repository;
  let index: BlobIndex;
  let root: Id;
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  const run = (target: string, options: Partial<RestoreOptions> = {}): Promise<RestoreResult> =>
    new Restore(repository, index, root, { target, workers: 2, signal, ...options }).run();
  /** What rsync would change to make `to` like `from`. */
  const differences = (from: string, to: string): string =>
    execFileSync("rsync", ["-aHAXn", "--checksum", "--itemize-changes", "--delete", `${from}/`, `${to}/`], {
      encoding: "utf8",
    });

  beforeAll(async () => {
    source = await makeSource();
    folder = join(newFolder(), "repository");
    environment = { ...process.env, RESTIC_PASSWORD: "lab", RESTIC_REPOSITORY: folder, RESTIC_CACHE_DIR: newFolder() };
    execFileSync("restic", ["init", "-q"], { env: environment });
    execFileSync("restic", ["backup", "-q", "."], { env: environment, cwd: source });
    repository = await openRepository(openLocal(folder), new Secret("lab"), { signal });
    index = await loadIndex(repository, { signal });
    const [stored] = await listSnapshots(repository, { signal });
    root = stored?.snapshot.tree as Id;
    rmSync(join(source, "socket"), { force: true });
  }, 120_000);

  test("comes back equal in content and metadata", async () => {
    const target = newFolder();
    const result = await run(target, { verify: true });
    expect(codes(result)).toEqual([]);
    expect(
      differences(source, target)
        .split("\n")
        .filter((line) => !line.endsWith(" ./")),
    ).toEqual([""]);
    expect(result.counts.filesVerified).toBeGreaterThan(480);
  });

  test("comes back as with restic's own restore, also with includes", async () => {
    for (const include of [["dir1*"], ["/dir4", "/large"], ["file1", "!dir2"], ["dir?/**/link"]]) {
      const [ours, theirs] = [newFolder(), newFolder()];
      await run(ours, { include: [{ lines: include, ignoreCase: false }] });
      const flags = include.flatMap((line) => ["--include", line]);
      execFileSync("restic", ["restore", "-q", "latest", "--target", theirs, ...flags], { env: environment });
      expect(Object.keys(look(ours))).toEqual(Object.keys(look(theirs)));
      expect(
        differences(theirs, ours)
          .split("\n")
          .filter((line) => !line.endsWith("/")),
      ).toEqual([""]);
    }
  });

  test("repairs a copy that was changed in all ways, reading little", async () => {
    const target = newFolder();
    await run(target);
    writeFileSync(join(target, "dir1/file3"), "changed");
    truncateSync(join(target, "large"), 4_000_000);
    rmSync(join(target, "dir2"), { recursive: true });
    symlinkSync("/", join(target, "dir2"));
    rmSync(join(target, "dir3/sub"), { recursive: true });
    writeFileSync(join(target, "dir3/sub"), "no folder");
    execFileSync("setfattr", ["-n", "user.more", "-v", "x", join(target, "dir5")]);
    chmodSync(join(target, "empty"), 0o777);
    writeFileSync(join(target, "dir1/added"), "");
    const result = await run(target, { delete: true, verify: true });
    expect(codes(result)).toEqual([]);
    expect(
      differences(source, target)
        .split("\n")
        .filter((line) => !line.endsWith(" ./")),
    ).toEqual([""]);
    expect(result.counts.filesUnchanged).toBeGreaterThan(450);
    expect(result.counts.deleted).toBe(1);
  });

  test("a folder of which only a further name of a file is wanted is made", async () => {
    const target = newFolder();
    const result = await run(target, { paths: ["/dir3/file4", "/dir5/same"] });
    expect(codes(result)).toEqual([]);
    expect(lstatSync(join(target, "dir5/same")).ino).toBe(lstatSync(join(target, "dir3/file4")).ino);
  });

  test("exactly the paths that are named come back", async () => {
    const target = newFolder();
    const result = await run(target, { paths: ["/dir1/file3", "/dir5"] });
    expect(codes(result)).toEqual([]);
    expect(readFileSync(join(target, "dir1/file3"))).toEqual(readFileSync(join(source, "dir1/file3")));
    expect(differences(join(source, "dir5"), join(target, "dir5"))).toBe("");
    expect(readdirSync(target).sort()).toEqual(["dir1", "dir5"]);
    expect(readdirSync(join(target, "dir1"))).toEqual(["file3"]);
  });
});
