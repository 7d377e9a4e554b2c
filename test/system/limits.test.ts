/** When the world is not as it should be, Holdfast says what is wrong, ends with the right code, and harms nothing. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { noise } from "./odd-tree.ts";
import { differences, has, holdfast, holdfastCommand, type Outcome, restic, run, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { isRoot, mountMemory, remount, scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const source = join(folder, "source");

beforeAll(() => {
  chmodSync(folder, 0o755);
  mkdirSync(source);
  for (let n = 0; n < 12; n++) writeFileSync(join(source, `file ${n}`), noise(3 * 1024 * 1024, n + 1));
});

/** Runs Holdfast as a user who owns nothing. */
function asNobody(repository: string, args: readonly string[]): Outcome {
  const [program, words] = holdfastCommand(repository, args);
  const env = { HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent" };
  return run("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", program, ...words], { cwd: "/", env });
}

/** Root can become somebody else, who must be able to read the program too. */
const canBeNobody = isRoot && has("setpriv") && asNobody("/nonexistent", ["version"]).status === 0;

describe.skipIf(!isRoot)("a repository on a disk that gets full (needs root)", { timeout: 60_000 }, () => {
  const disk = join(folder, "disk");
  const repository = join(disk, "repository");

  test("ends the backup with a message, stays correct, and the next run finishes once there is room", () => {
    mountMemory(disk, "size=20m");
    makeQuickRepository(repository);
    const full = holdfast(repository, ["backup", source, "--pack-size", "4"]);
    expect(full.stderr).toContain("no space left");
    expect(full.status).toBe(1);
    remount(disk, "size=21m");
    succeed(holdfast(repository, ["check", "--read-data"]));
    if (has("restic")) succeed(restic(repository, ["check", "--read-data"]));
    expect(succeed(holdfast(repository, ["list", "snapshots"]))).toBe("");
    remount(disk, "size=96m");
    succeed(holdfast(repository, ["backup", source]));
    succeed(holdfast(repository, ["check", "--read-data"]));
    const target = join(folder, "from the full disk");
    succeed(holdfast(repository, ["restore", "latest", "--target", target]));
    expect(differences(source, join(target, source))).toBe("");
  });

  test("leaves no temporary file behind", () => {
    const left = succeed(run("find", [disk, "-name", "*tmp*"]));
    expect(left).toBe("");
  });

  test("ends a restore with a message when the target is full", () => {
    const target = join(folder, "small target");
    mountMemory(target, "size=10m");
    const { status, stderr } = holdfast(repository, ["restore", "latest", "--target", target]);
    expect(stderr).toMatch(/no space left/i);
    expect(status).not.toBe(0);
  });

  test("ends init with a message", () => {
    const tiny = join(folder, "tiny");
    mountMemory(tiny, "size=4k");
    writeFileSync(join(tiny, "filler"), Buffer.alloc(4096));
    const { status, stderr } = holdfast(join(tiny, "repository"), ["init"]);
    expect(stderr).toContain("no space left");
    expect(status).toBe(1);
  });
});

describe.skipIf(!isRoot)("a repository that is read-only (needs root)", { timeout: 60_000 }, () => {
  const disk = join(folder, "read-only");
  const repository = join(disk, "repository");

  beforeAll(() => {
    mountMemory(disk, "size=96m");
    makeQuickRepository(repository);
    succeed(holdfast(repository, ["backup", source]));
    remount(disk, "ro");
  });

  test("refuses a backup", () => {
    const { status, stderr } = holdfast(repository, ["backup", source]);
    expect(stderr).toContain("read-only");
    expect(status).toBe(1);
  });

  test("is read with --no-lock", () => {
    for (const args of [["check", "--read-data"], ["snapshots"], ["ls", "latest"], ["stats"]]) {
      succeed(holdfast(repository, [...args, "--no-lock"]));
    }
    const target = join(folder, "from read-only");
    succeed(holdfast(repository, ["restore", "latest", "--target", target, "--no-lock"]));
    expect(differences(source, join(target, source))).toBe("");
  });
});

describe.skipIf(!isRoot)("a place for restored files that is read-only (needs root)", { timeout: 60_000 }, () => {
  test("is called so", () => {
    const repository = join(folder, "to read-only");
    const disk = join(folder, "read-only target");
    makeQuickRepository(repository);
    succeed(holdfast(repository, ["backup", join(source, "file 1")]));
    mountMemory(disk, "size=1m");
    remount(disk, "ro");
    for (const target of [join(disk, "new"), join(disk, "new/below/it")]) {
      const { status, stderr } = holdfast(repository, ["restore", "latest", "--target", target]);
      expect(stderr).toContain("EROFS: read-only file system");
      expect(status).toBe(1);
    }
  });
});

describe.skipIf(!isRoot)("a first run on a disk without room (needs root)", { timeout: 60_000 }, () => {
  test.each(["XDG_CONFIG_HOME", "XDG_DATA_HOME"])("says what to do (%s), and can be run again", (variable) => {
    const home = join(folder, `home of ${variable}`);
    const full = join(home, "full");
    mountMemory(full, "size=4k");
    writeFileSync(join(full, "filler"), Buffer.alloc(4096));
    const [program, [entry]] = holdfastCommand("", []);
    const words = [entry as string, "start", join(source, "file 1")];
    const env = { HOME: home, HOLDFAST_PASSWORD: "", [variable]: full };
    const refused = run(program, words, { env });
    expect(refused.stderr).toContain("no space left");
    expect(refused.stderr).not.toContain("not foreseen");
    expect(refused.status).toBe(1);
    remount(full, "size=64m");
    expect(succeed(run(program, words, { env }))).toBe("");
  });
});

describe.skipIf(!canBeNobody)("a user without rights (needs root, setpriv, and a program that others may read)", () => {
  test("is told which part of the repository is closed to them", () => {
    const repository = join(folder, "closed");
    makeQuickRepository(repository);
    chmodSync(repository, 0o700);
    const { status, stderr } = asNobody(repository, ["backup", source]);
    expect(stderr).toContain("no permission");
    expect(status).toBe(1);
  });

  test("saves all but what they cannot read, and gets that listed: exit code 3", () => {
    const mixed = join(folder, "mixed");
    const repository = join(folder, "of nobody");
    makeQuickRepository(repository);
    mkdirSync(join(mixed, "closed folder"), { recursive: true });
    for (const name of ["open", "closed", "closed folder/inside"]) writeFileSync(join(mixed, name), `${name}\n`);
    chmodSync(join(mixed, "closed"), 0o600);
    chmodSync(join(mixed, "closed folder"), 0o700);
    succeed(run("chown", ["-R", "65534:65534", repository]));
    const { status, stderr } = asNobody(repository, ["backup", mixed]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/mixed\/closed: .*EACCES/);
    expect(stderr).toMatch(/mixed\/closed folder: .*EACCES/);
    const listed = succeed(holdfast(repository, ["ls", "latest"]));
    expect(listed).toContain("/mixed/open\n");
    expect(listed).not.toContain("/mixed/closed\n");
    succeed(holdfast(repository, ["check", "--read-data"]));
  });
});

describe("what can be wrong with a repository", { timeout: 60_000 }, () => {
  test("a wrong password gives exit code 12", () => {
    const repository = join(folder, "password");
    makeQuickRepository(repository);
    const { status, stderr } = holdfast(repository, ["snapshots"], { env: { HOLDFAST_PASSWORD: "wrong" } });
    expect(stderr).toContain("wrong password");
    expect(status).toBe(12);
  });

  test("no repository gives exit code 10, and asks for no password", () => {
    const { status, stderr } = holdfast(join(folder, "nothing"), ["backup", source], {
      env: { HOLDFAST_PASSWORD: "" },
    });
    expect(stderr).toContain("there is no repository");
    expect(status).toBe(10);
  });

  test.for([
    { what: "is empty", damage: () => Buffer.alloc(0) },
    { what: "is cut", damage: (config: Buffer) => config.subarray(0, 40) },
    { what: "has a flipped bit", damage: (config: Buffer) => config.map((byte, at) => (at === 50 ? byte ^ 1 : byte)) },
    { what: "is noise", damage: () => noise(500, 3) },
    { what: "is huge", damage: () => Buffer.alloc(20 * 1024 * 1024) },
  ])("a config that $what gives exit code 20 and names the file", ({ what, damage }) => {
    const repository = join(folder, `config ${what}`);
    makeQuickRepository(repository);
    const path = join(repository, "config");
    const broken = damage(readFileSync(path));
    rmSync(path);
    writeFileSync(path, broken);
    const { status, stderr } = holdfast(repository, ["backup", source]);
    expect(stderr).toMatch(/config/);
    expect(stderr).not.toMatch(/ at .*\.js:/);
    expect(status).toBe(20);
  });

  test("key files that cannot be read give exit code 20 and say so", () => {
    const repository = join(folder, "keys");
    makeQuickRepository(repository);
    const [name] = readdirSync(join(repository, "keys")) as [string];
    writeFileSync(join(repository, "keys", name), "{}");
    const { status, stderr } = holdfast(repository, ["snapshots"]);
    expect(stderr).toMatch(/key/);
    expect(status).toBe(20);
  });

  test("targets that are not there are listed, and the rest is saved: exit code 3", () => {
    const repository = join(folder, "targets");
    makeQuickRepository(repository);
    const { status, stderr } = holdfast(repository, ["backup", join(folder, "absent"), join(source, "file 1")]);
    expect(stderr).toContain("absent");
    expect(status).toBe(3);
    expect(succeed(holdfast(repository, ["ls", "latest"]))).toContain("/source/file 1\n");
  });

  test("no target that is there gives exit code 1, and no snapshot", () => {
    const repository = join(folder, "no targets");
    makeQuickRepository(repository);
    const { status } = holdfast(repository, ["backup", join(folder, "absent")]);
    expect(status).toBe(1);
    expect(succeed(holdfast(repository, ["list", "snapshots"]))).toBe("");
  });
});
