/** A process that saves files is killed at random moments: whatever is visible afterwards is whole. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { get, listAll, unaborted } from "../testing/conformance-subject.ts";
import { sha256 } from "../testing/sample-files.ts";
import { openLocal } from "./local-backend.ts";
import { isTemporaryName } from "../temporary-names.ts";

const KILLS = 20;

/** Saves packs and index files of random content for ever, and says `ready` once the first is stored. */
const CHILD = `
  import { createHash, randomBytes } from "node:crypto";
  const { openLocal } = await import(${JSON.stringify(new URL("./local-backend.ts", import.meta.url).href)});
  const backend = openLocal(process.argv[1]);
  const { signal } = new AbortController();
  const save = async (type, ifAbsent) => {
    for (;;) {
      const bytes = randomBytes(1 + Math.floor(Math.random() * 700_000));
      const name = createHash("sha256").update(bytes).digest("hex");
      const half = bytes.length >> 1;
      const open = () => [bytes.subarray(0, half), bytes.subarray(half)];
      await backend.save({ type, name }, { sizeBytes: bytes.length, open }, { signal, ifAbsent });
      process.stdout.write("ready");
    }
  };
  await Promise.all([save("pack", false), save("pack", true), save("index", false)]);
`;

async function runAndKill(root: string, afterMs: number): Promise<void> {
  const flags = ["--input-type=module", "-e", CHILD, root];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  const isReady = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  await Promise.race([isReady, exited]);
  await sleep(afterMs);
  child.kill("SIGKILL");
  expect(await exited).toBe("SIGKILL");
}

test(`after ${KILLS} kills each visible file is what its name says`, async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-kill-"));
  try {
    const backend = openLocal(root);
    await backend.initialize(unaborted());
    for (let kill = 0; kill < KILLS; kill++) await runAndKill(root, Math.random() * 40);
    let files = 0;
    for (const type of ["pack", "index"] as const) {
      for (const { name, sizeBytes } of await listAll(backend, type)) {
        const bytes = await get(backend, { type, name });
        expect(bytes.length).toBe(sizeBytes);
        expect(sha256(bytes)).toBe(name);
        files++;
      }
    }
    expect(files).toBeGreaterThanOrEqual(KILLS);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const foreign = entries.filter((entry) => entry.isFile() && !/^[0-9a-f]{64}$/.test(entry.name));
    expect(foreign.filter(({ name }) => !isTemporaryName(name))).toEqual([]);
  } finally {
    await rm(root, { recursive: true });
  }
});
