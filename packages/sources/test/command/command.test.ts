/** The kind `command`, with programs of the system: a folder that a program exports, and a stream that another prints. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandKind } from "../../src/command/command-kind.ts";
import type { Source } from "../../src/contract/source.ts";
import { type LabCapture, SourceLab, sourceConformance } from "../../src/testing/index.ts";

const never = new AbortController().signal;
const silent = { onWarning: () => {}, onStep: () => {} };

sourceConformance(commandKind, async ({ folder }) => {
  const [data, exported] = [join(folder, "data"), join(folder, "exported")];
  mkdirSync(data);
  writeFileSync(join(data, "rows"), "1\n2\n3\n".repeat(50_000));
  mkdirSync(exported);
  writeFileSync(join(exported, "rows"), "1\n2\n3\n".repeat(50_000));
  return {
    settings: {
      capture: ["cat", join(data, "rows")],
      output: "rows.txt",
      folder: exported,
      restore: [
        "sh",
        "-c",
        `mkdir -p "${data}" && cat > "${data}/rows" && cmp "${data}/rows" "$HOLDFAST_FOLDER/folder/rows"`,
      ],
      prove: ["sh", "-c", 'test "$(wc -l)" -eq 150000 && wc -c < "$HOLDFAST_FOLDER/rows.txt"'],
      "minimum-size": "1k",
    },
    broken: [
      { what: "no such program", settings: { capture: ["no-such-program-here"] }, code: "SOURCES_TOOL_MISSING" },
      { what: "one that fails", settings: { capture: ["sh", "-c", "echo half; exit 3"] }, code: "SOURCES_TOOL_FAILED" },
      { what: "one that prints nothing", settings: { capture: ["true"] }, code: "SOURCES_EMPTY" },
      {
        what: "one that never ends",
        settings: { capture: ["sleep", "100"], "time-limit": "1s" },
        code: "SOURCES_TOO_LONG",
      },
      { what: "a folder that is not there", settings: { folder: join(folder, "absent") }, code: "SOURCES_SETTINGS" },
    ],
    target: { form: "command" },
    async destroy() {
      rmSync(data, { recursive: true });
    },
    async assertRestored() {
      expect(readFileSync(join(data, "rows"), "utf8")).toBe("1\n2\n3\n".repeat(50_000));
    },
    isQuiet: async () => true,
    async close() {},
  };
});

describe("a command source", () => {
  let lab: SourceLab;
  beforeAll(async () => {
    lab = await SourceLab.open();
  });
  afterAll(() => lab.remove());

  const open = (settings: Record<string, unknown>) =>
    commandKind.open("db", commandKind.settings.parse(settings), lab.surroundings());
  const capture = (settings: Record<string, unknown>, signal = never): Promise<LabCapture> =>
    lab.capture(open(settings), { kind: "command", name: "db" }, signal);

  test("what a program says when it fails is part of the error, without control characters", async () => {
    const words = ["sh", "-c", "printf 'first\\nconnection \\033[31mrefused\\n' >&2; exit 2"];
    await expect(capture({ capture: words })).rejects.toThrow(/exit code 2: .*connection .*refused/);
    await expect(capture({ capture: words })).rejects.not.toThrow(/\u001b/);
  });

  test("nothing is interpreted by a shell", async () => {
    await capture({ capture: ["printf", "%s", "$HOME; `id` && $(id)"] });
    const pieces = await Array.fromAsync((await lab.captured()).read("output", { signal: never }));
    expect(Buffer.concat(pieces).toString()).toBe("$HOME; `id` && $(id)");
  });

  test("an abort in the middle ends the program, and all that it has started", async () => {
    const pids = join(lab.newFolder(), "pids");
    const abort = new AbortController();
    const words = ["sh", "-c", `sleep 300 & echo $! > "${pids}"; echo $$ >> "${pids}"; echo begun; wait`];
    const running = capture({ capture: words }, abort.signal);
    running.catch(() => {});
    while (!existsSync(pids) || readFileSync(pids, "utf8").trim().split("\n").length < 2) await sleep(10);
    abort.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
    for (const pid of readFileSync(pids, "utf8").trim().split("\n")) await waitUntilGone(Number(pid));
  });

  test("a restored folder can be had as files, and a failing proof says why", async () => {
    await capture({ capture: ["seq", "10"], output: "numbers" });
    const source = open({ capture: ["seq", "10"], prove: ["sh", "-c", "echo row 7 is missing >&2; exit 1"] });
    const captured = await lab.captured();
    const folder = join(lab.newFolder(), "new");
    await source.restore(captured, { ...silent, form: "folder", folder, signal: never });
    expect(readdirSync(folder).sort()).toEqual(["capture.json", "numbers"]);
    const report = await source.prove(captured, { ...silent, scratch: lab.newFolder(), signal: never });
    expect(report.checks).toMatchObject([
      { passed: true },
      { passed: false, detail: expect.stringContaining("row 7") },
    ]);
    expect(report.usableAfterMs).toBeUndefined();
  });

  test("however much restore and proof print, they run to their end", async () => {
    await capture({ capture: ["seq", "10"], output: "numbers" });
    const folder = lab.newFolder();
    const words = ["sh", "-c", `yes | head -c 20000000; echo; echo the last line; echo done > "${folder}/done"`];
    const source = open({ capture: ["seq", "10"], restore: words, prove: words });
    await source.restore(await lab.captured(), { ...silent, form: "command", signal: never });
    expect(readdirSync(folder)).toEqual(["done"]);
    const { checks } = await source.prove(await lab.captured(), { ...silent, scratch: lab.newFolder(), signal: never });
    expect(checks[1]).toMatchObject({ passed: true, detail: "the last line" });
  });

  test("a proof whose program is not there says so, and nothing of the copy", async () => {
    await capture({ capture: ["seq", "10"] });
    const source = open({ capture: ["seq", "10"], prove: ["no-such-program-here"] });
    const proof = source.prove(await lab.captured(), { ...silent, scratch: lab.newFolder(), signal: never });
    await expect(proof).rejects.toMatchObject({ code: "SOURCES_TOOL_MISSING" });
  });

  test("a snapshot that holds no capture is refused", async () => {
    const files = commandKind.open("x", commandKind.settings.parse({ folder: lab.folder }), lab.surroundings());
    const bare = await files.capture({ signal: never, onWarning: () => {} });
    const withoutFacts: Source = {
      forms: [],
      capture: async () => ({ ...bare, paths: ["/command/elsewhere"] }),
      restore: () => Promise.reject(new Error("not asked for")),
      prove: () => Promise.reject(new Error("not asked for")),
    };
    await lab.capture(withoutFacts, {
      kind: "command",
      name: "x",
    });
    await expect(lab.captured()).rejects.toMatchObject({ code: "SOURCES_DAMAGED" });
  });
});

async function waitUntilGone(pid: number): Promise<void> {
  for (let n = 0; n < 500; n++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    // A zombie whose parent has ended is nobody's process any more.
    if (readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] === "Z") return;
    await sleep(10);
  }
  throw new Error(`process ${pid} still runs`);
}
