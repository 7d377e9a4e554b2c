/** Files that change while they are read: the backup is finished, says which they were, and stores what can be restored. */
import { appendFileSync, closeSync, mkdirSync, openSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { noise } from "./odd-tree.ts";
import { holdfast, holdfastCommand, messages, type Outcome, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const MIB = 1024 * 1024;
let number = 0;

interface Scene {
  readonly repository: string;
  readonly source: string;
}

function newScene(): Scene {
  const name = `scene ${++number}`;
  const scene = { repository: join(folder, name, "repository"), source: join(folder, name, "source") };
  mkdirSync(scene.source, { recursive: true });
  makeQuickRepository(scene.repository);
  return scene;
}

/** A file that takes a while to read: holes, with some content at its end. */
function makeHollow(path: string, bytes: number): void {
  const file = openSync(path, "w");
  writeSync(file, noise(MIB, 5), 0, MIB, bytes - MIB);
  closeSync(file);
}

/**
 * Runs a backup with one reading thread, stops it once it has read `afterBytes`, lets `change` work, and goes on.
 * The bytes are looked at as often as progress is told, so files must be large enough for that.
 */
async function backUpWhile({ repository, source }: Scene, afterBytes: number, change: () => void): Promise<Outcome> {
  const args = ["backup", "--json", "--read-concurrency", "1", source];
  const { child, outcome } = start(...holdfastCommand(repository, args), { env: { HOLDFAST_PROGRESS_FPS: "200" } });
  let isChanged = false;
  let rest = "";
  child.stdout?.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    const done = lines.map((line) => Number((JSON.parse(line) as { bytes_done?: number }).bytes_done ?? 0));
    if (isChanged || Math.max(0, ...done) < afterBytes) return;
    child.kill("SIGSTOP");
    isChanged = true;
    change();
    child.kill("SIGCONT");
  });
  const result = await outcome;
  expect(isChanged, "the backup was still at work").toBe(true);
  return result;
}

interface Summary {
  readonly problems: { readonly changed: number; readonly vanished: number; readonly unreadable: number };
}

function summaryOf(outcome: Outcome): Summary {
  return messages(outcome, "summary")[0] as unknown as Summary;
}

/** What a backup stored is whole: the check passes and a restore gives as many bytes as the snapshot says. */
function expectRestorable({ repository, source }: Scene, name: string): void {
  succeed(holdfast(repository, ["check", "--read-data"]));
  const target = `${source} restored`;
  succeed(holdfast(repository, ["restore", `latest:${source}`, "--target", target]));
  const listed = succeed(holdfast(repository, ["ls", "--json", "latest", source]))
    .split("\n")
    .filter((line) => line.includes(JSON.stringify(join(source, name))))
    .map((line) => (JSON.parse(line) as { size: number }).size);
  expect(listed).toEqual([statSync(join(target, name)).size]);
}

// The first is read by one thread in one piece after the other, the second in segments that threads share.
describe.for([
  { what: "files", bytes: 30 * MIB, count: 16, afterBytes: 60 * MIB },
  { what: "a large file", bytes: 1024 * MIB, count: 1, afterBytes: 200 * MIB },
])("$what", { timeout: 60_000 }, ({ bytes, count, afterBytes }) => {
  function newFiles(): { scene: Scene; paths: string[] } {
    const scene = newScene();
    const paths = Array.from({ length: count }, (_, n) => join(scene.source, `file ${String(n).padStart(2, "0")}`));
    for (const path of paths) makeHollow(path, bytes);
    return { scene, paths };
  }

  test.for([
    { what: "grow", change: (path: string) => appendFileSync(path, noise(MIB, 9)) },
    { what: "shrink", change: (path: string) => truncateSync(path, 10 * MIB) },
    { what: "are written to", change: (path: string) => overwrite(path) },
    { what: "are replaced", change: (path: string) => replace(path) },
  ])("that $what while they are read are reported as changed, and stored whole", async ({ change }) => {
    const { scene, paths } = newFiles();
    const outcome = await backUpWhile(scene, afterBytes, () => paths.forEach(change));
    expect(outcome.stderr).toMatch(/"code":"changed"/);
    expect(summaryOf(outcome).problems.changed).toBe(1);
    expectRestorable(scene, "file 00");
    // The next backup sees that they are not what was stored.
    const [next] = messages(holdfast(scene.repository, ["backup", "--json", scene.source]), "summary");
    expect(next).toMatchObject({ files_new: 0, problems: { changed: 0 } });
    expect(next?.["files_changed"]).toBeGreaterThan(0);
  });

  test("that vanish after their folder was listed are reported, and are no failure", async () => {
    const { scene, paths } = newFiles();
    const doomed = [join(scene.source, "zz 1"), join(scene.source, "zz 2")];
    for (const path of doomed) writeFileSync(path, "short\n");
    const outcome = await backUpWhile(scene, afterBytes, () => doomed.forEach((path) => unlinkSync(path)));
    expect(outcome.status).toBe(0);
    expect(summaryOf(outcome).problems).toMatchObject({ vanished: 2, unreadable: 0 });
    for (const path of doomed) expect(outcome.stderr).toContain(path);
    expect(paths.length).toBe(count);
  });
});

describe("a place where something else appears", { timeout: 60_000 }, () => {
  test.for([
    { what: "a link", put: (path: string) => symlinkSync("/etc/passwd", path) },
    { what: "a folder", put: (path: string) => mkdirSync(path) },
  ])("instead of files that are being read: $what is never followed or taken for the file", async ({ put }) => {
    const scene = newScene();
    const path = join(scene.source, "large");
    makeHollow(path, 1024 * MIB);
    const outcome = await backUpWhile(scene, 200 * MIB, () => {
      rmSync(path);
      put(path);
    });
    expect([0, 3]).toContain(outcome.status);
    expect(outcome.stderr).toContain("large");
    succeed(holdfast(scene.repository, ["check", "--read-data"]));
    expect(succeed(holdfast(scene.repository, ["backup", scene.source]))).toBeDefined();
  });
});

function overwrite(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, "changed", 0);
  closeSync(file);
}

function replace(path: string): void {
  rmSync(path);
  makeHollow(path, 31 * MIB);
}
