/** A repository with snapshots of many days, whose files are as old as the snapshots say: what retention is about. */
import { cpSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import { type Id, createRepository, listSnapshots, saveSnapshot } from "@holdfast/engine";
import { openBackend } from "@holdfast/storage";
import { type Ended, holdfast } from "./command-runner.ts";

const { signal } = new AbortController();
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const PASSWORD = "test";
/** A password that costs nothing: dozens of commands are run. */
const CHEAP_KDF = { N: 128, r: 1, p: 1 };

export interface AgedRepository {
  readonly path: string;
  /** Oldest first; the n-th from the end was made less than n days ago, and more than n - 1. */
  readonly ids: readonly Id[];
  /** The days on which they were made, in UTC, such as `2026-11-01`. */
  readonly days: readonly string[];
  readonly run: (...args: string[]) => Promise<Ended>;
}

/** Makes it in `folder`, with one snapshot for each of the last `days` days. */
export async function makeAgedRepository(folder: string, days: number): Promise<AgedRepository> {
  const path = join(folder, "aged");
  const variables = { HOLDFAST_REPOSITORY: path, HOLDFAST_PASSWORD: PASSWORD };
  const made = { signal, hostname: "box", username: "tester", kdf: CHEAP_KDF };
  const repository = await createRepository(await openBackend(path), new Secret(PASSWORD), made);
  mkdirSync(join(folder, "source"));
  writeFileSync(join(folder, "source/a.txt"), "one\n");
  const { code, stderr } = await holdfast(["backup", "-q", "--host", "box", join(folder, "source")], { variables });
  if (code !== 0) throw new Error(`backup failed: ${stderr}`);
  const [first] = await listSnapshots(repository, { signal });
  if (first === undefined) throw new Error("there is no snapshot");
  const ids: Id[] = [];
  const dates: string[] = [];
  // Half a day away from where a day ends, whatever the time of day is now.
  const thisHourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  for (let age = days; age > 0; age--) {
    const time = new Date(thisHourMs - age * DAY_MS + DAY_MS / 2);
    ids.push(
      await saveSnapshot(repository, { ...first.snapshot, time: time.toISOString().replace(".000Z", "Z") }, { signal }),
    );
    dates.push(time.toISOString().slice(0, 10));
    utimesSync(join(path, "snapshots", ids.at(-1) as Id), time, time);
  }
  await repository.removeFile("snapshot", first.id, { signal });
  await repository.close();
  return { path, ids, days: dates, run: (...args) => holdfast(args, { variables }) };
}

let copies = 0;

/** Another one like it, to change. */
export function copyOf({ path, ids, days }: AgedRepository): AgedRepository {
  const copy = `${path}-${++copies}`;
  cpSync(path, copy, { recursive: true, preserveTimestamps: true });
  const variables = { HOLDFAST_REPOSITORY: copy, HOLDFAST_PASSWORD: PASSWORD };
  return { path: copy, ids, days, run: (...args) => holdfast(args, { variables }) };
}

/** The names in a folder of the repository, sorted. */
export function namesIn({ path }: AgedRepository, folder: string): string[] {
  return readdirSync(join(path, folder)).sort();
}

/** The JSON values that a run printed, one a line. */
export function jsonOf({ code, stdout, stderr }: Ended): Record<string, unknown>[] {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
