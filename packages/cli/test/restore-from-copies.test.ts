/** A restore that loses its repository goes on from another copy, and what comes back is the same. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { FaultProxy } from "@holdfast/storage/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { type Ended, ended, holdfast, startHoldfast, startServer, temporaryFolder } from "./command-runner.ts";

const FILES = 40;
const FILE_BYTES = 256 * 1024;
const folder = temporaryFolder();
const source = join(folder, "source");
const variables = { HOLDFAST_PASSWORD: "first", HOLDFAST_FROM_PASSWORD: "second" };
/** The first copy is the one to be lost. */
const RESTORE = ["restore", "--prefer", "given", "--verify"];
let cases = 0;

async function succeed(argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const outcome = await holdfast(argv, { variables: { ...variables, ...more } });
  expect(outcome.code, outcome.stderr).toBe(0);
  return outcome;
}

/** A source of files of so many bytes, and two repositories that have it. */
async function makePair(place: string, fileBytes: number): Promise<void> {
  const files = join(place, "source");
  mkdirSync(join(files, "below"), { recursive: true });
  for (let n = 0; n < FILES; n++) {
    writeFileSync(join(files, n % 2 === 0 ? "below" : ".", `f${n}`), randomBytes(fileBytes));
  }
  const [first, second] = [join(place, "first"), join(place, "second")];
  const other = { HOLDFAST_PASSWORD: "second", HOLDFAST_FROM_PASSWORD: "first" };
  await succeed(["init", "-q", "-r", first]);
  await succeed(["init", "-q", "-r", second, "--from-repo", first, "--copy-chunker-params"], other);
  await succeed(["backup", "-q", "-r", first, "--pack-size", "4", files]);
  await succeed(["copy", "-q", "-r", second, "--from-repo", first], other);
}

beforeAll(() => makePair(folder, FILE_BYTES));

/** Both repositories, to be spoilt, and a target. */
function fresh(): { first: string; second: string; target: string; argv: string[] } {
  const here = join(folder, `case-${++cases}`);
  const [first, second, target] = [join(here, "first"), join(here, "second"), join(here, "target")];
  cpSync(join(folder, "first"), first, { recursive: true, preserveTimestamps: true });
  cpSync(join(folder, "second"), second, { recursive: true, preserveTimestamps: true });
  return { first, second, target, argv: [...RESTORE, "-r", first, "--from-repo", second, "-t", target] };
}

function packsOf(repository: string): string[] {
  return readdirSync(join(repository, "data"), { recursive: true, encoding: "utf8" })
    .map((path) => join(repository, "data", path))
    .filter((path) => statSync(path).isFile());
}

function expectAll(target: string): void {
  expect(execFileSync("diff", ["-r", source, join(target, source)], { encoding: "utf8" })).toBe("");
}

describe("restore with a second copy", () => {
  test("needs it not where nothing is the matter", async () => {
    const { target, argv } = fresh();
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).not.toContain("--from-repo");
    expectAll(target);
  });

  test("takes from it what is damaged, says so, and how to mend it", async () => {
    const { first, target, argv } = fresh();
    for (const [n, pack] of packsOf(first).toSorted().entries()) {
      if (n % 2 === 0) truncateSync(pack, 1000);
      else if (n % 4 === 1) rmSync(pack);
    }
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).toMatch(/first has lost \d+ blobs of what was restored, in [23] packs; they came from another copy/);
    expect(stderr).toMatch(/hint: `holdfast -r \S+first repair packs [0-9a-f]{16} .*--from-repo LOCATION`/);
    expectAll(target);
  });

  test("goes on from it when the first is lost in the middle", async () => {
    // More than a restore loads ahead.
    const place = join(folder, "large");
    await makePair(place, 1024 * 1024);
    const [first, second, target] = [join(place, "first"), join(place, "second"), join(place, "target")];
    const argv = [...RESTORE, "-r", first, "--from-repo", second, "-t", target];
    const child = startHoldfast([...argv, "--limit-download", "8192", "latest"], { variables });
    const outcome = ended(child);
    const below = join(target, place, "source", "below");
    while (child.exitCode === null && (!existsSync(below) || readdirSync(below).length < FILES / 5))
      await setTimeout(20);
    renameSync(first, `${first}-gone`);
    const already = readdirSync(below).length;
    expect(already).toBeLessThan(FILES / 2);
    const { code, stderr } = await outcome;
    expect(stderr).toContain(`the rest is read from ${second}`);
    expect(stderr).not.toContain("has lost");
    expect(code, stderr).toBe(0);
    expect(
      execFileSync("diff", ["-r", join(place, "source"), join(target, place, "source")], { encoding: "utf8" }),
    ).toBe("");
  });

  test("reads it from the beginning when the first is not there", async () => {
    const { first, target, argv } = fresh();
    rmSync(first, { recursive: true });
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).toContain(`the repository (${first}) cannot be used: `);
    expectAll(target);
  });

  test("is content with the first when the second is not there", async () => {
    const { second, target, argv } = fresh();
    rmSync(second, { recursive: true });
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).toContain(`the repository of --from-repo (${second}) cannot be used: `);
    expectAll(target);
  });

  test("brings back a folder of a snapshot as well", async () => {
    const { first, target, argv } = fresh();
    for (const pack of packsOf(first)) truncateSync(pack, 0);
    rmSync(join(first, "index"), { recursive: true });
    await succeed([...argv, `latest:${source}/below`]);
    expect(execFileSync("diff", ["-r", join(source, "below"), target], { encoding: "utf8" })).toBe("");
  });

  test("takes from one that does not have the snapshot what it has of it all the same", async () => {
    const { first, target, argv } = fresh();
    writeFileSync(join(source, "later"), "only in the first");
    await succeed(["backup", "-q", "-r", first, source]);
    rmSync(join(source, "later"));
    const [pack] = packsOf(first).toSorted((a, b) => statSync(b).size - statSync(a).size);
    truncateSync(String(pack), 1000);
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).toContain("they came from another copy");
    expect(existsSync(join(target, source, "later"))).toBe(true);
  });

  test.each([
    ["HOLDFAST_PASSWORD", false],
    ["HOLDFAST_FROM_PASSWORD", true],
  ])("a wrong %s is told before anything is restored, and whose it is", async (name, isOther) => {
    const { target, argv } = fresh();
    const { code, stderr } = await holdfast([...argv, "latest"], { variables: { ...variables, [name]: "wrong" } });
    expect(code).toBe(12);
    expect(stderr.includes("the repository of --from-repo could not be opened:")).toBe(isOther);
    expect(existsSync(target)).toBe(false);
  });

  test("goes on from it as well where the first is an address at which nobody answers", async () => {
    const { second, target } = fresh();
    // Nothing can listen there.
    const argv = [
      "restore",
      "--verify",
      "-r",
      `rest:http+unix://${target}-socket:/first/`,
      "--from-repo",
      second,
      "-t",
      target,
    ];
    const { stderr } = await succeed([...argv, "latest"]);
    expect(stderr).toContain("the socket does not exist");
    expect(stderr).toContain("cannot be used");
    expectAll(target);
  });

  test("reads the copy that is faster, says what was measured, and keeps the order where that is asked for", async () => {
    const { first, second, target } = fresh();
    const server = await startServer([dirname(first), "--anonymous", "admin"]);
    const proxy = await FaultProxy.start(Number(new URL(server.url).port), () => ({
      kind: "delay",
      direction: "down",
      ms: 60,
    }));
    try {
      const slow = `rest:http://127.0.0.1:${proxy.port}/first/`;
      const argv = ["restore", "--json", "--verify", "-r", slow, "--from-repo", second, "-t", target, "latest"];
      const { stdout } = await succeed(argv);
      const [told] = messagesOf(stdout, "copies");
      expect(told).toMatchObject({ chosen: second, copies: [{ location: expect.any(String) }, { location: second }] });
      const [a, b] = (told?.["copies"] ?? []) as { bytes_read: number; bytes_per_second: number }[];
      expect(b?.bytes_read).toBeGreaterThan(1024 * 1024);
      expect(b?.bytes_per_second).toBeGreaterThan(2 * Number(a?.bytes_per_second));
      expectAll(target);
      const given = await succeed([...argv.slice(0, -3), "--prefer", "given", "-t", `${target}-2`, "latest"]);
      expect(messagesOf(given.stdout, "copies")).toEqual([]);
      expectAll(`${target}-2`);
    } finally {
      await proxy.close();
      await server.stop();
    }
  });

  test("finds by the id that the snapshot had in the first when only the second is there", async () => {
    const { first, target, argv } = fresh();
    const listed = await succeed(["snapshots", "--json", "-r", first]);
    const [{ id } = { id: "" }] = JSON.parse(listed.stdout) as { id: string }[];
    rmSync(first, { recursive: true });
    await succeed([...argv, id.slice(0, 10)]);
    expectAll(target);
  });

  test("takes several copies, each with a password of its own, and warns of those that are not there", async () => {
    const { first, second, target } = fresh();
    const files = ["first", "nobody", "second"].map((password) => join(folder, `password of ${password}`));
    for (const file of files) writeFileSync(file, file.slice(file.lastIndexOf(" ") + 1));
    const gone = `${first}-gone`;
    const passwords = files.slice(1).flatMap((file) => ["--from-password-file", file]);
    const argv = ["restore", "-r", gone, "--from-repo", `${gone}-too`, "--from-repo", second, "-t", target];
    const { stderr } = await succeed([...argv, ...passwords, "latest"]);
    expect(stderr).toContain(`(${gone}) cannot be used`);
    expect(stderr).toContain(`(${gone}-too) cannot be used`);
    expectAll(target);
    const odd = [...argv, "--from-repo", first, ...passwords, "latest"];
    const { code, stderr: why } = await holdfast(odd, { variables });
    expect([code, why]).toEqual([2, expect.stringContaining("given 2 times for 3 times --from-repo")]);
  });
});

function messagesOf(stdout: string, type: string): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line["message_type"] === type);
}
