/** The main job as a stranger meets it: `npm start` on a machine where nothing was set up. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { makeOddTree } from "./odd-tree.ts";
import { differences, has, succeed, type Outcome } from "./programs.ts";
import { scratchFolder } from "./scratch.ts";

const scratch = scratchFolder();
const home = join(scratch, "home");
const password = join(home, ".config/holdfast/repository.password");

/** Runs Holdfast as a user with this home folder and nothing else in the environment. */
function asUser(args: readonly string[]): Outcome {
  const entry = fileURLToPath(new URL("../../packages/cli/bin/holdfast.cjs", import.meta.url));
  const env = { HOME: home, PATH: process.env["PATH"] };
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], { env, encoding: "utf8" });
  return { status, stdout, stderr };
}

interface Proof {
  readonly proven: boolean;
  readonly files: number;
  readonly restored: number;
  readonly equal_to_source: number;
  readonly data_added_packed: number;
  readonly packs: number;
  readonly packs_read: number;
}

function proofOf(outcome: Outcome): Proof {
  const lines = succeed(outcome).trim().split("\n");
  const proof = lines
    .map((line) => JSON.parse(line) as { message_type: string })
    .find((line) => line.message_type === "proof");
  return proof as unknown as Proof;
}

beforeAll(() => {
  mkdirSync(join(home, ".cache"), { recursive: true });
  makeOddTree(home);
  writeFileSync(join(home, ".cache/junk"), "junk");
});

describe("the first run", () => {
  test("asks nothing, makes everything, and proves a restore", () => {
    const proof = proofOf(asUser(["start", "--json"]));
    expect(proof.proven).toBe(true);
    expect(proof.restored).toBeGreaterThan(10);
    expect(proof.equal_to_source).toBe(proof.restored);
    expect(proof.packs_read).toBe(proof.packs);
  });

  test("keeps the password where only the user can read it, and never prints it", () => {
    expect(statSync(password).mode & 0o777).toBe(0o600);
    const secret = readFileSync(password, "utf8").trim();
    const { stdout, stderr } = asUser(["start", "--verbose"]);
    expect(stdout + stderr).not.toContain(secret);
    expect(stderr).toContain("PROVEN");
  });

  test("a later run stores only what changed", () => {
    writeFileSync(join(home, "new file"), "new\n");
    const proof = proofOf(asUser(["start", "--json"]));
    expect(proof.proven).toBe(true);
    expect(proof.data_added_packed).toBeGreaterThan(0);
    expect(proof.data_added_packed).toBeLessThan(200_000);
  });

  test("other commands find the repository without being told, and caches are not in it", () => {
    const listed = succeed(asUser(["ls", "--recursive", "latest", home]));
    expect(listed).toContain(`${home}/new file`);
    expect(listed).not.toContain("junk");
  });

  test.skipIf(!has("rsync"))("everything comes back as it was", () => {
    const target = join(scratch, "target");
    succeed(asUser(["restore", `latest:${home}`, "--target", target]));
    const lost = differences(join(home, "folder"), join(target, "folder"));
    expect(lost).toBe("");
  });

  test("paths can be named instead", () => {
    const proof = proofOf(asUser(["start", "--json", join(home, "folder")]));
    expect(proof).toMatchObject({ proven: true });
    expect(proof.files).toBeLessThan(10);
  });

  test("a path that is not there is said, with an exit code, and nothing is called proven", () => {
    const outcome = asUser(["start", join(home, "absent")]);
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr).toContain("absent");
    expect(outcome.stderr).not.toMatch(/^PROVEN/m);
  });

  test("a lost password file is an error that says what to do, and nothing is overwritten", () => {
    const secret = readFileSync(password);
    rmSync(password);
    const outcome = asUser(["start"]);
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr).toContain("its password file");
    writeFileSync(password, secret, { mode: 0o600 });
    expect(proofOf(asUser(["start", "--json"])).proven).toBe(true);
  });
});
