import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  ended,
  HOLDFAST,
  holdfast,
  isInstalled,
  makeRepository,
  program,
  startHoldfast,
  temporaryFolder,
} from "./command-runner.ts";

const folder = temporaryFolder();
const repo = join(folder, "repo");
const variables = { HOLDFAST_REPOSITORY: repo, HOLDFAST_PASSWORD: "pw" };

beforeAll(async () => {
  await makeRepository(variables);
});

describe("signals", () => {
  test.for<[NodeJS.Signals, number]>([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])("%s ends a backup with %d, and no lock is left", async ([signal, code]) => {
    // The command never ends by itself, so the backup is surely at work.
    const child = startHoldfast(
      ["backup", "--stdin-from-command", "--", "sh", "-c", "echo started >&2; exec sleep 100"],
      { variables },
    );
    const result = ended(child);
    await once(child.stderr as NodeJS.ReadableStream, "data");
    child.kill(signal);
    const { stderr, ...how } = await result;
    expect(how.code).toBe(code);
    expect(stderr).toContain(`interrupted by ${signal}\nhint: What was stored so far is kept.`);
    expect(readdirSync(join(repo, "locks"))).toEqual([]);
    expect(readdirSync(join(repo, "snapshots"))).toEqual([]);
  });

  test.skipIf(!isInstalled("script"))("a terminal that is closed ends a backup, and no lock is left", async () => {
    const command = HOLDFAST.map((word) => `'${word}'`).join(" ");
    const backup = `exec ${command} backup --stdin-from-command -- sh -c "echo started >&2; exec sleep 100"`;
    const terminal = spawn("script", ["-qfc", backup, "/dev/null"], {
      env: { ...process.env, ...variables },
      stdio: ["pipe", "pipe", "ignore"],
    });
    await once(terminal.stdout, "data");
    const locks = (): string[] => readdirSync(join(repo, "locks"));
    expect(locks()).toHaveLength(1);
    terminal.kill("SIGKILL");
    await vi.waitFor(() => expect(locks()).toEqual([]), { timeout: 20_000 });
    expect(readdirSync(join(repo, "snapshots"))).toEqual([]);
  });

  test("SIGHUP alone ends nothing: restic sends it to see whether a process is alive", async () => {
    const child = startHoldfast(
      ["backup", "--dry-run", "--stdin-from-command", "--", "sh", "-c", "echo started >&2; exec sleep 1"],
      { variables },
    );
    const result = ended(child);
    await once(child.stderr as NodeJS.ReadableStream, "data");
    child.kill("SIGHUP");
    expect(await result).toMatchObject({ code: 0 });
  });

  test("a second signal ends the process, whatever its children do", async () => {
    // The command takes no notice of SIGTERM, so the run cannot end by itself.
    const command = `sh -c 'trap "" TERM; echo started >&2; sleep 100 >&- 2>&-'`;
    const child = startHoldfast(["snapshots", "-r", repo, "--password-command", command]);
    const exit = once(child, "exit");
    await once(child.stderr as NodeJS.ReadableStream, "data");
    child.kill("SIGINT");
    child.kill("SIGTERM");
    const [code] = (await exit) as [number];
    expect([130, 143]).toContain(code);
  });
});

describe("output", () => {
  test("a reader that goes away ends the run quietly", async () => {
    const child = startHoldfast(["man", "backup"], { variables });
    child.stdout?.destroy();
    const { stderr, code } = await ended(child);
    expect(stderr).toBe("");
    expect(code).toBe(141);
  });

  test.skipIf(!existsSync("/dev/full"))(
    "results that cannot be written are a failure, also at the very end",
    async () => {
      for (const words of [["snapshots"], ["snapshots", "--json"], ["man", "backup"], ["help"], ["version"]]) {
        const ending = words.join(" ");
        const { stderr, code } = await shell(`exec "$0" "$@" ${ending} > /dev/full`, variables);
        expect(stderr).toContain("standard output cannot be written: ENOSPC");
        expect(code).toBe(1);
      }
    },
  );

  test("names cannot steer the terminal, and arguments that are not UTF-8 are exact", async () => {
    const source = join(folder, "odd");
    mkdirSync(source);
    const odd = Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0x1b, 0x5b, 0x33, 0x31, 0x6d])]);
    writeFileSync(odd, "x");
    // Only a shell can hand such an argument to Node: spawn itself takes text.
    const list = join(folder, "list");
    writeFileSync(list, Buffer.concat([odd, Buffer.from([0])]));
    const backup = await holdfast(["backup", "--files-from-raw", list, "-q"], { variables });
    expect(backup).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await holdfast(["ls", "latest"], { variables });
    expect(stdout).toContain(`${source}/\\xff\\x1b[31m\n`);
    const dump = await shell(`exec "$0" "$@" dump latest "$(printf '%s/\\377\\033[31m' "$SOURCE")"`, {
      ...variables,
      SOURCE: source,
    });
    expect(dump).toMatchObject({ code: 0, stdout: "x" });
  });

  test("there is no colour and no progress block without a terminal", async () => {
    const { stdout, stderr } = await holdfast(["backup", folder], {
      variables: { ...variables, HOLDFAST_PROGRESS_FPS: "60" },
    });
    expect(stdout + stderr).not.toContain("\u001b");
  });

  test("statuses of JSON come at the wanted rate", async () => {
    const settings = { ...variables, HOLDFAST_PROGRESS_FPS: "50" };
    const { stdout } = await holdfast(["backup", "--json", "--stdin-from-command", "--", "sleep", "0.5"], {
      variables: settings,
    });
    const types = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { message_type: string }).message_type);
    expect(types.filter((type) => type === "status").length).toBeGreaterThan(2);
    expect(types.at(-1)).toBe("summary");
  });
});

describe("what describes the program", () => {
  test("version", async () => {
    expect((await holdfast(["--version"])).stdout).toMatch(/^holdfast \d+\.\d+\.\d+\n$/);
    const { stdout } = await holdfast(["version", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ message_type: "version", node: process.versions.node });
  });

  test("help goes to standard output when asked for, to standard error when a command is missing", async () => {
    const [asked, missing, command] = await Promise.all([
      holdfast(["--help"]),
      holdfast([]),
      holdfast(["help", "key", "add"]),
    ]);
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    expect(missing).toMatchObject({ code: 2, stdout: "" });
    expect(command?.stdout).toContain("--new-password-file");
  });

  test.for<[string, string[]]>([
    ["bash", ["-n"]],
    ["zsh", ["-n"]],
    ["fish", ["-n"]],
  ])("%s accepts its completion script", async ([shellName, flags], { skip }) => {
    if (!isInstalled(shellName)) skip();
    const script = join(folder, `completion.${shellName}`);
    writeFileSync(script, (await holdfast(["completion", shellName])).stdout);
    expect(await program(shellName, [...flags, script])).toMatchObject({ code: 0, stderr: "" });
  });

  test("bash completes commands, options and their values", async () => {
    const script = join(folder, "complete.bash");
    writeFileSync(script, (await holdfast(["completion", "bash"])).stdout);
    const complete = async (...words: string[]): Promise<string[]> => {
      const body = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await program("bash", ["-c", body, script, ...words])).stdout.trim().split("\n");
    };
    expect(await complete("holdfast", "snap")).toEqual(["snapshots"]);
    expect(await complete("holdfast", "-r", "key", "key", "a")).toEqual(["add"]);
    expect(await complete("holdfast", "restore", "--overwrite", "if")).toEqual(["if-changed", "if-newer"]);
    expect(await complete("holdfast", "restore", "--overwrite", "=", "n")).toEqual(["never"]);
    expect(await complete("holdfast", "backup", "--exclude-c")).toEqual(["--exclude-caches"]);
  });

  test("manual pages have no troff warnings", async ({ skip }) => {
    if (!isInstalled("man")) skip();
    const pages = join(folder, "man");
    expect((await holdfast(["man", "--out", pages])).code).toBe(0);
    const files = readdirSync(pages);
    expect(files).toContain("holdfast.1");
    expect(files).toContain("holdfast-key-add.1");
    const settings = { variables: { MANPAGER: "cat" } };
    const shown = await Promise.all(
      files.map((file) => program("man", ["--warnings=w", "-l", join(pages, file)], settings)),
    );
    expect(shown.map(({ stderr }) => stderr).filter((text) => text !== "")).toEqual([]);
    expect(Math.min(...shown.map(({ stdout }) => stdout.length))).toBeGreaterThan(200);
  });
});

/** Runs a shell script whose `$0 $@` is the command line. */
function shell(script: string, environment: Record<string, string>): ReturnType<typeof ended> {
  return ended(spawn("sh", ["-c", script, ...HOLDFAST], { env: { ...process.env, ...environment } }));
}
