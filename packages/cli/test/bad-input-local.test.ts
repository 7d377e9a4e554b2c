/** Wrong addresses, and folders that are read-only or full: a clear error, and nothing is lost. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { expectRefused, succeed } from "./bad-input.ts";
import { temporaryFolder } from "./command-runner.ts";

const folder = temporaryFolder();
const isRoot = process.getuid?.() === 0;
const mounted: string[] = [];
afterAll(() => {
  for (const at of mounted) execFileSync("umount", [at]);
});

function mount(name: string, options: string): string {
  const at = join(folder, name);
  mkdirSync(at);
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", at]);
  mounted.push(at);
  return at;
}

function source(name: string, bytes: number): string {
  const file = join(folder, name);
  writeFileSync(file, randomBytes(bytes));
  return file;
}

describe("an address that is wrong", () => {
  test.for([
    ["s4:https://host/bucket", "STORAGE_INVALID_LOCATION", /there is no such kind of repository/],
    ["rest:host/path", "STORAGE_INVALID_LOCATION", /rest:/],
    ["rest:ftp://host/", "STORAGE_INVALID_LOCATION", /rest:/],
    ["rest:https://anna:s3cr3t-login@/", "STORAGE_INVALID_LOCATION", /rest:/],
    ["s3:", "STORAGE_INVALID_LOCATION", /s3:/],
    ["s3:https://host", "STORAGE_INVALID_LOCATION", /bucket/],
    ["sftp:host", "STORAGE_INVALID_LOCATION", /sftp:/],
    ["sftp://user:s3cr3t-login@host:99999/x", "STORAGE_INVALID_LOCATION", /sftp:/],
    ["azure:UPPER:/x", "STORAGE_INVALID_LOCATION", /azure:/],
    ["webdav:https://anna:s3cr3t-login@/x", "STORAGE_INVALID_LOCATION", /webdav:/],
    ["gs:", "STORAGE_INVALID_LOCATION", /gs:/],
    ["rclone:", "STORAGE_INVALID_LOCATION", /rclone:/],
    ["b2:bucket:x", "STORAGE_UNSUPPORTED", /not supported/],
  ] as const)("%s is told as such", async ([location, error, says]) => {
    await expectRefused({ argv: ["snapshots", "-r", location], exit: 1, error, says, hint: /-r |stores repositories/ });
  });

  test("a folder without a repository ends with 10, and says how one is made", async () => {
    const argv = ["snapshots", "-r", join(folder, "nowhere")];
    await expectRefused({ argv, exit: 10, error: "ENGINE_NO_REPOSITORY", says: /no repository/, hint: /init/ });
  });

  test("a wrong password ends with 12", async () => {
    const repository = join(folder, "locked");
    await succeed(["init", "-q", "-r", repository]);
    const variables = { HOLDFAST_PASSWORD: "s3cr3t-login" };
    const argv = ["snapshots", "-r", repository];
    const wrong = { exit: 12, error: "ENGINE_WRONG_PASSWORD", says: /password/, hint: /password/ };
    await expectRefused({ argv, variables, ...wrong });
  });
});

describe.skipIf(!isRoot)("a folder", () => {
  test("that is read-only is told as such, and can be read with --no-lock", async () => {
    const share = mount("read-only", "size=32m");
    const repository = join(share, "repository");
    const file = source("small", 1000);
    await succeed(["init", "-q", "-r", repository]);
    await succeed(["backup", "-q", "-r", repository, file]);
    execFileSync("mount", ["-o", "remount,ro", share]);
    const refused = { exit: 1, error: "STORAGE_READ_ONLY", says: /read-only/, hint: /Mount it writable|--no-lock/ };
    await expectRefused({ argv: ["backup", "-r", repository, file], ...refused });
    await expectRefused({ argv: ["init", "-r", join(share, "another")], ...refused });
    await expectRefused({ argv: ["check", "-r", repository], ...refused });
    await succeed(["check", "--read-data", "--no-lock", "-r", repository]);
    await succeed(["restore", "-q", "latest", "--no-lock", "-r", repository, "-t", join(folder, "from read-only")]);
  });

  test("that is full says so, and all that was stored before is there", async () => {
    const disk = mount("full", "size=12m");
    const repository = join(disk, "repository");
    const file = source("fits", 2_000_000);
    await succeed(["init", "-q", "-r", repository]);
    await succeed(["backup", "-q", "-r", repository, file]);
    const argv = ["backup", "-r", repository, source("does not fit", 20_000_000)];
    const full = { exit: 1, error: "STORAGE_FULL", says: /no space left/, hint: /Free space/ };
    await expectRefused({ argv, ...full });
    await succeed(["check", "--read-data", "-r", repository]);
    expect(JSON.parse((await succeed(["snapshots", "--json", "-r", repository])).stdout)).toHaveLength(1);
  });

  test("to restore to that is full or read-only says so", async () => {
    const repository = join(folder, "source of restores");
    await succeed(["init", "-q", "-r", repository]);
    await succeed(["backup", "-q", "-r", repository, source("to restore", 8_000_000)]);
    const small = mount("small target", "size=2m");
    const argv = (target: string): string[] => ["restore", "latest", "-r", repository, "-t", target];
    const full = { exit: 1, error: "ENGINE_TARGET_FULL", says: /no space left/, hint: /Make room/ };
    await expectRefused({ argv: argv(small), ...full });
    const closed = mount("closed target", "ro");
    const unusable = { exit: 1, error: "ENGINE_TARGET_UNUSABLE", says: /read-only/i, hint: /folder/ };
    await expectRefused({ argv: argv(join(closed, "below")), ...unusable });
  });
});
