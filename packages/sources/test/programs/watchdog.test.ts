/** What was frozen is thawed by another process when this one is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "holdfast-watchdog-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Kills the process when it holds. @returns the file that the command writes */
async function killed(name: string, ...lines: string[]): Promise<string> {
  const file = join(folder, name);
  const child = spawn(process.execPath, [join(import.meta.dirname, "hold-watchdog.ts"), file, ...lines], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  expect(existsSync(file)).toBe(false);
  child.kill("SIGKILL");
  await once(child, "close");
  return file;
}

async function written(file: string): Promise<string> {
  for (let n = 0; n < 400 && !existsSync(file); n++) await sleep(25);
  return readFileSync(file, "utf8");
}

describe("a watchdog of a process that is killed", () => {
  test("runs its command", async () => {
    expect(await written(await killed("plain"))).toBe("");
  });

  test("gives it what it was told last, as it was told", async () => {
    const last = String.raw`{"say":" %s \n 'quoted' $(reboot) é "}`;
    expect(await written(await killed("told", "first", last))).toBe(`${last}\n`);
  });

  test("that has sent it away does nothing", async () => {
    const file = await killed("dismissed", "first", "dismiss");
    await sleep(500);
    expect(existsSync(file)).toBe(false);
  });
});
