// The entry of the command line on an old Node and on a new one. The old one is this Node with another version number; the
// program behind the entry is a few lines that show what reaches it.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { readManifest, root } from "../../scripts/workspace.ts";

const PRETEND_OLD = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.0.0" } });\n';
const PROGRAM = `
export async function main(argv) {
  if (argv[1] === "politely") process.on("SIGTERM", () => process.exit(130));
  console.log(JSON.stringify({ argv, node: process.versions.node, parent: process.ppid }));
  if (argv[0] === "exit") return Number(argv[1]);
  if (argv[0] === "wait") setInterval(() => {}, 1000);
  return 0;
}
`;

interface Setup {
  readonly old: boolean;
  readonly runtime?: "carried" | "absent" | "broken";
  readonly built?: boolean;
}

/** Installs the entry in a temporary folder and starts it. */
function start({ old, runtime = "carried", built = true }: Setup, args: readonly string[]): ChildProcess {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-entry-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(join(root, "packages/cli/bin"), join(folder, "bin"), { recursive: true });
  cpSync(join(root, "packages/cli/package.json"), join(folder, "package.json"));
  if (built) {
    mkdirSync(join(folder, "dist"));
    writeFileSync(join(folder, "dist/main.js"), PROGRAM);
  }
  const name = `node-${process.platform}-${process.arch}`;
  if (runtime !== "absent") mkdirSync(join(folder, "node_modules", name, "bin"), { recursive: true });
  if (runtime !== "absent") writeFileSync(join(folder, "node_modules", name, "package.json"), '{"version":"26.0.0"}');
  if (runtime === "carried") symlinkSync(process.execPath, join(folder, "node_modules", name, "bin/node"));
  if (runtime === "broken") writeFileSync(join(folder, "node_modules", name, "bin/node"), "");
  writeFileSync(join(folder, "old.cjs"), PRETEND_OLD);
  const preload = old ? ["--require", join(folder, "old.cjs")] : [];
  return spawn(process.execPath, [...preload, join(folder, "bin/holdfast.cjs"), ...args], {
    env: { PATH: "", HOME: folder },
  });
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function endOf(child: ChildProcess): Promise<Ending> {
  const ended = new Promise<Pick<Ending, "code" | "signal">>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { ...(await ended), stdout, stderr };
}

describe.for([{ old: false }, { old: true }])("the entry (on an old Node: $old)", ({ old }) => {
  test("hands over the arguments and runs the program on the new Node", async () => {
    const child = start({ old }, ["exit", "0", "a b", "--flag=*"]);
    const { code, stdout, stderr } = await endOf(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const seen = JSON.parse(stdout) as { argv: string[]; node: string; parent: number };
    expect(seen).toMatchObject({ argv: ["exit", "0", "a b", "--flag=*"], node: process.versions.node });
    expect(seen.parent).toBe(old ? child.pid : process.pid);
  });

  test.for([1, 3, 130])("ends with the program's exit code %i", async (expected) => {
    const { code } = await endOf(start({ old }, ["exit", String(expected)]));
    expect(code).toBe(expected);
  });

  test.for(["SIGTERM", "SIGINT", "SIGHUP"] as const)("dies of the %s that the program dies of", async (name) => {
    const child = start({ old }, ["wait"]);
    child.stdout?.once("data", () => child.kill(name));
    expect(await endOf(child)).toMatchObject({ code: null, signal: name });
  });

  test("lets the program answer a signal with an exit code", async () => {
    const child = start({ old }, ["wait", "politely"]);
    child.stdout?.once("data", () => child.kill("SIGTERM"));
    expect(await endOf(child)).toMatchObject({ code: 130, signal: null });
  });

  test("says what to do when nothing was built", async () => {
    const { code, stderr } = await endOf(start({ old, built: false }, ["exit", "0"]));
    expect(code).toBe(1);
    expect(stderr).toContain("npm run build");
  });
});

describe("the entry", () => {
  test.for([["wait"], ["wait", "politely"]])("on an old Node does not outlive its end by force: %j", async (args) => {
    const child = start({ old: true }, args);
    // The pipe closes when the last process that writes to it is gone.
    child.stdout?.once("data", () => child.kill("SIGKILL"));
    expect(await endOf(child)).toMatchObject({ signal: "SIGKILL" });
  });

  test.for(["--version", "-V"])("answers %s without the program, on any Node", async (flag) => {
    const { version } = readManifest(join(root, "packages/cli")) as unknown as { version: string };
    const ending = await endOf(start({ old: true, runtime: "absent", built: false }, [flag]));
    expect(ending).toMatchObject({ code: 0, stdout: `holdfast ${version}\n`, stderr: "" });
  });

  test.for(["absent", "broken"] as const)("says what to do when the carried Node is %s", async (runtime) => {
    const { code, stdout, stderr } = await endOf(start({ old: true, runtime }, ["exit", "0"]));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^holdfast: Node 26 or newer is needed, this is Node 18\.0\.0, and .+\nRun `npm ci/);
  });
});
