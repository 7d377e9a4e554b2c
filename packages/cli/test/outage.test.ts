/** The command line and a server that is out of reach for a while: a proxy that refuses stands before `rclone serve restic`. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { FaultProxy, type RunningServer, hasProgram, startServer } from "@holdfast/storage/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Ended,
  ended,
  holdfast,
  isInstalled,
  makeRepository,
  program,
  startHoldfast,
  temporaryFolder,
} from "./command-runner.ts";

const folder = temporaryFolder();
const source = join(folder, "source");
const MIB = 1024 * 1024;
/** Slow enough that a run is still at work when the server goes; one by one, so that packs are whole when there are several. */
const SLOWLY = ["--limit-upload", "6000", "--pack-size", "4", "-o", "rest.connections=1"];
const SLOW = 240_000;

describe.skipIf(!hasProgram("rclone"))("a server that goes away", () => {
  let server: RunningServer;
  let proxy: FaultProxy;
  let places = 0;

  beforeAll(async () => {
    mkdirSync(source);
    for (let n = 0; n < 40; n++) writeFileSync(join(source, `f${n}`), randomBytes(MIB));
    server = await startServer({
      program: "rclone",
      args: ({ port, folder: own }) => {
        return ["serve", "restic", join(own, "data"), "--addr", `127.0.0.1:${port}`, "--config", "/dev/null"];
      },
    });
    proxy = await FaultProxy.start(server.port);
  });
  afterEach(() => {
    proxy.choose = () => undefined;
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  function variablesOf(name: string): Record<string, string> {
    return {
      HOLDFAST_REPOSITORY: `rest:http://127.0.0.1:${proxy.port}/${name}/`,
      HOLDFAST_PASSWORD: "correct horse",
      XDG_CACHE_HOME: join(folder, "cache"),
    };
  }

  async function place(): Promise<{ name: string; variables: Record<string, string> }> {
    const name = `place${places++}`;
    const variables = variablesOf(name);
    await makeRepository(variables);
    return { name, variables };
  }

  function packsOf(name: string): number {
    const data = join(server.folder, "data", name, "data");
    return existsSync(data) ? readdirSync(data).flatMap((below) => readdirSync(join(data, below))).length : 0;
  }

  test("that is not there when a run begins ends it, and nothing is said of trying again", async () => {
    const variables = { ...variablesOf("nowhere"), HOLDFAST_REPOSITORY: "rest:http://127.0.0.1:1/nowhere/" };
    for (const argv of [["backup", source], ["snapshots"]]) {
      const { code, stderr } = await holdfast(argv, { variables });
      expect(code).toBe(1);
      expect(stderr).toContain("nothing listens there");
      expect(stderr).not.toContain("trying again");
    }
  });

  function leave(): void {
    proxy.choose = () => ({ kind: "refuse" });
    proxy.cutAll();
  }

  /** Starts a backup, and takes the server away in the middle of it. */
  async function cutBackup(options: readonly string[]) {
    const { name, variables } = await place();
    const child = startHoldfast(["backup", source, ...SLOWLY, ...options], { variables });
    const outcome = ended(child);
    await expect.poll(() => packsOf(name), { timeout: 60_000 }).toBeGreaterThan(2);
    leave();
    return { name, variables, child, outcome };
  }

  async function isClean(name: string, variables: Record<string, string>): Promise<void> {
    const checked = await holdfast(["check", "--read-data", "-q"], { variables });
    expect(checked.code, checked.stderr).toBe(0);
    if (!isInstalled("restic")) return;
    // A run that gave up could not remove its lock, which is stale for us and not for restic.
    await holdfast(["unlock", "-q"], { variables });
    const local = ["-r", join(server.folder, "data", name), "check", "--no-cache"];
    const byRestic = await program("restic", local, { variables: { RESTIC_PASSWORD: "correct horse" } });
    expect(byRestic.code, byRestic.stderr).toBe(0);
  }

  test(
    "and comes back is waited for: the backup ends well, says what happened, and the repository is whole",
    async () => {
      const { name, variables, outcome } = await cutBackup(["--json"]);
      await setTimeout(7000);
      proxy.choose = () => undefined;
      const { code, stdout, stderr } = await outcome;
      expect(code, stderr).toBe(0);
      const retries = jsonLines(stderr).filter(({ message_type: type }) => type === "retry");
      expect(retries[0]).toMatchObject({ state: "waiting", error: { code: "STORAGE_UNAVAILABLE" } });
      expect(retries.at(-1)).toMatchObject({ state: "recovered" });
      expect(retries.length).toBeLessThan(12);
      expect(jsonLines(stdout).at(-1)).toMatchObject({ message_type: "summary", files_new: 40 });
      expect((await holdfast(["list", "locks"], { variables })).stdout).toBe("");
      await isClean(name, variables);
    },
    SLOW,
  );

  test(
    "for longer than there is patience ends the run, and the next one stores nothing again that was stored",
    async () => {
      const { variables, name, outcome } = await cutBackup(["--retry-for", "2s"]);
      const { code, stderr } = await outcome;
      expect(code).toBe(1);
      expect(stderr).toContain("trying again for up to 2.0 s");
      // The one that was under way is gone.
      expect(packsOf(name)).toBeGreaterThanOrEqual(2);
      proxy.choose = () => undefined;
      const next = await holdfast(["backup", source, "--json"], { variables });
      expect(next.code, next.stderr).toBe(0);
      const summary = jsonLines(next.stdout).at(-1) as { data_added: number };
      expect(summary.data_added).toBeLessThan(41 * MIB - 7 * MIB);
      await isClean(name, variables);
    },
    SLOW,
  );

  test(
    "can be waited for without being a prisoner: an interrupt ends the run at once",
    async () => {
      const { child, outcome } = await cutBackup(["--retry-for", "6h"]);
      await setTimeout(1500);
      const interruptedAt = performance.now();
      child.kill("SIGINT");
      const { code } = await outcome;
      expect(code).toBe(130);
      // Its lock is given up after five seconds: the server that has it is not there.
      expect(performance.now() - interruptedAt).toBeLessThan(30_000);
    },
    SLOW,
  );

  test(
    "before the start is waited for when --retry-for is given, and else is an error at once",
    async () => {
      const { variables } = await place();
      leave();
      const at = performance.now();
      const impatient = await holdfast(["snapshots"], { variables });
      expect(impatient.code).toBe(1);
      // Not a quarter of an hour.
      expect(performance.now() - at).toBeLessThan(60_000);
      const waiting = holdfast(["snapshots", "--json"], { variables: { ...variables, HOLDFAST_RETRY_FOR: "3m" } });
      await setTimeout(2000);
      proxy.choose = () => undefined;
      const patient: Ended = await waiting;
      expect(patient.code, patient.stderr).toBe(0);
      expect(JSON.parse(patient.stdout)).toEqual([]);
    },
    SLOW,
  );

  test.each(["soon", "5", "-1s", ""])("is not waited for '%s'", async (value) => {
    const { variables } = await place();
    const refused = await holdfast(["snapshots", `--retry-for=${value}`], { variables });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("give a duration such as 90s, 30m or 6h");
  });
});

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
