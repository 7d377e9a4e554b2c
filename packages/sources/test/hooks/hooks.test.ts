/** Commands around a capture, with a source of kind `command` between them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { commandKind } from "../../src/command/command-kind.ts";
import { hookSettings, withHooks } from "../../src/hooks/hooks.ts";
import { SourceLab } from "../../src/testing/index.ts";

const identity = { kind: "command", name: "db" };

describe("hooks around a capture", () => {
  let lab: SourceLab;
  let folder: string;
  let log: string;
  beforeAll(async () => {
    lab = await SourceLab.open();
  });
  beforeEach(() => {
    folder = lab.newFolder();
    log = join(folder, "log");
  });
  afterAll(() => lab.remove());

  /** Writes a word into the log. */
  const note = (word: string): string[] => ["sh", "-c", 'echo "$1 ${HOLDFAST_SOURCE-}" >> "$2"', "sh", word, log];
  const noted = (): string[] => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  const capture = (
    hooks: Record<string, unknown>,
    settings: Record<string, unknown> = { capture: note("captured"), "minimum-size": 0 },
    signal?: AbortSignal,
  ) => {
    const surroundings = lab.surroundings();
    const source = commandKind.open("db", commandKind.settings.parse(settings), surroundings);
    return lab.capture(withHooks(source, hookSettings.parse(hooks), { ...surroundings, name: "db" }), identity, signal);
  };

  test("run before it and after it, and are told whose they are", async () => {
    await capture({ before: note("frozen"), after: note("thawed") });
    // The command of the capture is no hook, and gets no such variable.
    expect(noted().map((line) => line.trim())).toEqual(["frozen db", "captured", "thawed db"]);
  });

  test("make a folder that is read as it is a consistent one", async () => {
    await capture({ after: ["true"] }, { folder });
    expect((await lab.captured()).facts.consistency).toBe("none");
    await capture({ before: ["true"] }, { folder });
    expect((await lab.captured()).facts.consistency).toBe("application");
  });

  test("that fail before make no snapshot, and what they have begun is undone", async () => {
    const count = await lab.snapshotCount();
    const failing = capture({ before: ["sh", "-c", "echo no lock >&2; exit 3"], after: note("thawed") });
    await expect(failing).rejects.toThrow(/exit code 3: no lock/);
    expect(noted()).toEqual(["thawed db"]);
    expect(await lab.snapshotCount()).toBe(count);
  });

  test("that hang are ended", async () => {
    const hanging = capture({ before: ["sleep", "100"], after: note("thawed"), "time-limit": "1s" });
    await expect(hanging).rejects.toMatchObject({ code: "SOURCES_TOO_LONG" });
    expect(noted()).toEqual(["thawed db"]);
  });

  test("of which one is missing are not begun", async () => {
    const missing = capture({ before: note("frozen"), after: ["no-such-program-here"] });
    await expect(missing).rejects.toMatchObject({ code: "SOURCES_TOOL_MISSING" });
    expect(noted()).toEqual([]);
  });

  test("end a capture that fails or is aborted", async () => {
    const hooks = { before: note("frozen"), after: note("thawed") };
    await expect(capture(hooks, { capture: ["false"] })).rejects.toMatchObject({ code: "SOURCES_TOOL_FAILED" });
    expect(noted()).toEqual(["frozen db", "thawed db"]);
    const abort = new AbortController();
    const running = capture(hooks, { capture: ["sleep", "300"] }, abort.signal);
    running.catch(() => {});
    while (noted().length < 3) await sleep(10);
    abort.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
    expect(noted()).toEqual(["frozen db", "thawed db", "frozen db", "thawed db"]);
  });

  test("that fail afterwards fail the capture, so that nobody believes that all is thawed", async () => {
    await expect(capture({ after: ["sh", "-c", "exit 4"] })).rejects.toThrow(/exit code 4/);
  });

  test.for(["this process is killed", "a service manager first asks all of its processes to end"])(
    "thaw also when %s in the middle",
    async (how) => {
      const thawed = join(folder, "thawed");
      const from = (path: string): string => JSON.stringify(join(import.meta.dirname, "../../src", path));
      const script = join(folder, "capture.ts");
      writeFileSync(
        script,
        `import { commandKind } from ${from("command/command-kind.ts")};
      import { hookSettings, withHooks } from ${from("hooks/hooks.ts")};
      const settings = commandKind.settings.parse({ capture: ["sh", "-c", "echo begun; sleep 300"] });
      const surroundings = { environment: process.env, hostname: "x", temporary: ${JSON.stringify(folder)}, secret: undefined };
      const hooks = hookSettings.parse({ before: ["true"], after: ["touch", ${JSON.stringify(thawed)}] });
      const source = withHooks(commandKind.open("db", settings, surroundings), hooks, { ...surroundings, name: "db" });
      const capture = await source.capture({ signal: new AbortController().signal, onWarning() {} });
      for await (const entry of capture.entries) for await (const chunk of entry.content) process.stdout.write(chunk);`,
      );
      const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
      // The capture is in its middle, and goes on for long.
      const [said] = (await once(child.stdout, "data")) as [Uint8Array];
      expect(Buffer.from(said).toString()).toBe("begun\n");
      expect(existsSync(thawed)).toBe(false);
      if (how.startsWith("a service")) for (const pid of watchdogsOf(child.pid)) process.kill(pid, "SIGTERM");
      child.kill("SIGKILL");
      await once(child, "close");
      for (let n = 0; n < 500 && !existsSync(thawed); n++) await sleep(20);
      expect(existsSync(thawed)).toBe(true);
    },
  );
});

/** Processes that wait for another to be gone. */
function watchdogsOf(parent: number | undefined): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.filter((pid) => {
    try {
      const isChild = readFileSync(`/proc/${pid}/status`, "utf8").includes(`\nPPid:\t${parent}\n`);
      return isChild && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("while IFS= read -r line");
    } catch {
      return false;
    }
  });
  expect(found).toHaveLength(1);
  return found.map(Number);
}
