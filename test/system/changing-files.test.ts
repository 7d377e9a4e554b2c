/** Files that change while they are read: the backup is finished, says which they were, and stores what can be restored. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { noise } from "./odd-tree.ts";
import { holdfast, holdfastCommand, messages, type Outcome, start, succeed } from "./programs.ts";
import { makeQuickRepository } from "./quick-repository.ts";
import { scratchFolder } from "./scratch.ts";

const folder = scratchFolder();
const MIB = 1024 * 1024;
/** Only Linux shows which files a process has open. */
const isLinux = process.platform === "linux";
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

/** The file below `source` that a process has open now, when it has read less than half of it. */
function fileAtHand(pid: number, source: string): string | undefined {
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (!path.startsWith(`${source}/`)) continue;
      const at = Number(/pos:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1]);
      const { size } = statSync(path);
      if (statSync(path).isFile() && at < size / 2) return path;
    } catch {
      // Closed meanwhile.
    }
  }
  return undefined;
}

/** Stops the whole process; true once every thread stands still. */
async function stop(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const moves = (thread: string): boolean => !/\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8"));
  while (readdirSync(`/proc/${pid}/task`).some(moves)) await sleep(1);
}

/**
 * Runs a backup with one reading thread, stops it in the middle of a file, lets `change` work on that, and goes on.
 * @returns what came of it, and the file
 */
async function backUpWhile(
  { repository, source }: Scene,
  change: (path: string) => void,
): Promise<{ outcome: Outcome; path: string }> {
  const args = ["backup", "--json", "--read-concurrency", "1", source];
  const { child, outcome } = start(...holdfastCommand(repository, args));
  const pid = child.pid as number;
  let path: string | undefined;
  while (path === undefined && child.exitCode === null) {
    await sleep(1);
    if (fileAtHand(pid, source) === undefined) continue;
    await stop(pid);
    path = fileAtHand(pid, source);
    if (path !== undefined) change(path);
    process.kill(pid, "SIGCONT");
  }
  const result = await outcome;
  if (path === undefined) throw new Error(`the backup read too fast to be watched: ${result.stderr}`);
  return { outcome: result, path };
}

interface Summary {
  readonly problems: { readonly changed: number; readonly vanished: number; readonly unreadable: number };
}

function summaryOf({ stdout }: Outcome): Summary {
  const line = stdout.split("\n").find((text) => text.includes('"message_type":"summary"'));
  return JSON.parse(line ?? "null") as Summary;
}

/** What a backup stored is whole: the check passes, and a restore gives as many bytes as the snapshot says. */
function expectRestorable({ repository, source }: Scene, path: string): void {
  succeed(holdfast(repository, ["check", "--read-data"]));
  const target = `${source} restored`;
  succeed(holdfast(repository, ["restore", "latest", "--target", target, "--sparse", "--include", path]));
  const listed = succeed(holdfast(repository, ["ls", "--json", "latest", source]))
    .split("\n")
    .filter((line) => line.includes(JSON.stringify(path)))
    .map((line) => (JSON.parse(line) as { size: number }).size);
  expect(listed).toEqual([statSync(join(target, path)).size]);
}

describe.skipIf(!isLinux).for([
  { what: "a file of middling size", bytes: 30 * MIB, count: 6 },
  { what: "a large file, which is read in parts,", bytes: 256 * MIB, count: 1 },
])("$what", { timeout: 60_000 }, ({ bytes, count }) => {
  function newFiles(): Scene {
    const scene = newScene();
    for (let n = 0; n < count; n++) makeHollow(join(scene.source, `file ${n}`), bytes);
    return scene;
  }

  test.for([
    { what: "grows", change: (path: string) => appendFileSync(path, noise(MIB, 9)) },
    { what: "shrinks", change: (path: string) => truncateSync(path, 10 * MIB) },
    { what: "is written to", change: (path: string) => overwrite(path) },
  ])("that $what while it is read is reported as changed, and stored as far as it was read", async ({ change }) => {
    const scene = newFiles();
    const { outcome, path } = await backUpWhile(scene, change);
    expect(outcome.stderr).toContain(JSON.stringify(path));
    expect(summaryOf(outcome).problems).toMatchObject({ changed: 1, unreadable: 0 });
    expect(outcome.status).toBe(0);
    expectRestorable(scene, path);
    // The next backup reads it again, and then has it as it is.
    const [next] = messages(holdfast(scene.repository, ["backup", "--json", scene.source]), "summary");
    expect(next).toMatchObject({
      files_new: 0,
      files_changed: 1,
      files_unmodified: count - 1,
      problems: { changed: 0 },
    });
  });

  test.for([
    { what: "a link", put: (path: string) => symlinkSync("/etc/passwd", path) },
    { what: "a folder", put: (path: string) => mkdirSync(path) },
    { what: "another file", put: (path: string) => makeHollow(path, 31 * MIB) },
    { what: "nothing", put: () => {} },
  ])(
    "in whose place there is $what all of a sudden does no harm, and nothing else is taken for it",
    async ({ put }) => {
      const scene = newFiles();
      const { outcome, path } = await backUpWhile(scene, (open) => {
        rmSync(open);
        put(open);
      });
      // A file that is open is read to its end, gone or not; a large one is opened again and again.
      const { changed, vanished, unreadable } = summaryOf(outcome).problems;
      expect(outcome.status).toBe(unreadable > 0 ? 3 : 0);
      expect(changed + vanished + unreadable).toBe(count > 1 ? 0 : 1);
      if (count === 1) expect(outcome.stderr).toContain(JSON.stringify(path));
      succeed(holdfast(scene.repository, ["check", "--read-data"]));
      expect(succeed(holdfast(scene.repository, ["dump", "latest", scene.source]))).not.toContain("root:");
    },
  );
});

test.skipIf(!isLinux)("files that vanish after their folder was listed are reported, and are no failure", async () => {
  const scene = newScene();
  makeHollow(join(scene.source, "first"), 30 * MIB);
  const doomed = ["then 1", "then 2"].map((name) => join(scene.source, name));
  for (const path of doomed) writeFileSync(path, "short\n");
  const { outcome } = await backUpWhile(scene, () => doomed.forEach((path) => unlinkSync(path)));
  expect(outcome.status).toBe(0);
  expect(summaryOf(outcome).problems).toMatchObject({ vanished: 2, unreadable: 0 });
  for (const path of doomed) expect(outcome.stderr).toContain(JSON.stringify(path));
});

function overwrite(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, "changed", 0);
  closeSync(file);
}
