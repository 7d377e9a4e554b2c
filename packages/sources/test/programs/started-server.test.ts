/** Servers that are started for a while, with programs of the system in their place. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Programs } from "../../src/programs/programs.ts";
import { type ServerCall, StartedServer } from "../../src/programs/started-server.ts";
import { SourceLab } from "../../src/testing/index.ts";

const signal = new AbortController().signal;

describe("a server that is started for a while", () => {
  let lab: SourceLab;
  let folder: string;
  let programs: Programs;
  beforeAll(async () => {
    lab = await SourceLab.open();
    programs = new Programs({ source: "source db", environment: process.env });
  });
  beforeEach(() => {
    folder = lab.newFolder();
  });
  afterAll(() => lab.remove());

  const start = (script: string, more: Partial<ServerCall> = {}, within = signal): Promise<StartedServer> =>
    StartedServer.start(
      programs,
      {
        tool: "sh",
        args: ["-c", script, "sh", folder],
        log: join(folder, "log"),
        isReady: async () => existsSync(join(folder, "pid")),
        readyWithinMs: 20_000,
        setting: "time-limit",
        ...more,
      },
      { signal: within },
    );
  const pid = (name = "pid"): number => Number(readFileSync(join(folder, name), "utf8"));
  const isGone = (number: number): boolean => {
    try {
      process.kill(number, 0);
      return readFileSync(`/proc/${number}/stat`, "utf8").split(" ")[2] === "Z";
    } catch {
      return true;
    }
  };
  const write = (name: string): string => `echo $$ > "$1/${name}.new"; mv "$1/${name}.new" "$1/${name}"`;

  test("is there once it is ready, and gone with all that it has started once it was ended", async () => {
    const server = await start(`sleep 300 & echo $! > "$1/child"; ${write("pid")}; wait`);
    expect(server.endedBecause).toBeUndefined();
    expect(isGone(pid())).toBe(false);
    await server.end();
    await server.end();
    expect(isGone(pid())).toBe(true);
    for (let n = 0; n < 200 && !isGone(pid("child")); n++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(isGone(pid("child"))).toBe(true);
  });

  test("that ends before it is ready fails with what it said", async () => {
    await expect(start("echo no such folder >&2; exit 7")).rejects.toThrow(/sh failed .*exit code 7: no such folder/);
  });

  test("that never gets ready is ended", async () => {
    const late = start(`${write("other")}; sleep 300`, { readyWithinMs: 1000 });
    await expect(late).rejects.toMatchObject({ code: "SOURCES_TOO_LONG" });
    expect(isGone(pid("other"))).toBe(true);
  });

  test("is ended by an abort while it starts", async () => {
    const abort = new AbortController();
    const starting = start(`${write("other")}; sleep 300`, {}, abort.signal);
    starting.catch(() => {});
    while (!existsSync(join(folder, "other"))) await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort(new Error("interrupted"));
    await expect(starting).rejects.toThrow("interrupted");
    expect(isGone(pid("other"))).toBe(true);
  });
});
