import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isHoldfastError } from "@holdfast/base";
import { listSnapshots } from "@holdfast/engine";
import { criticalFiles, namedFiles } from "./critical-files.ts";
import { openOwnRepository } from "./own-repository.ts";
import { protect, type ProtectResult } from "./protect.ts";
import type { CriticalFiles } from "./critical-files.ts";
import type { Places } from "./places.ts";

const { signal } = new AbortController();
const owner = { hostname: "box", username: "ann" };
let folder: string;
let places: Places;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-protect-"));
  places = { repository: join(folder, "repository"), passwordFile: join(folder, "password") };
  mkdirSync(join(folder, "home", "docs"), { recursive: true });
  for (let n = 0; n < 30; n++)
    writeFileSync(join(folder, "home", "docs", `file ${n}`), `content ${n}\n`.repeat(n * 100));
  symlinkSync("docs/file 1", join(folder, "home", "link"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(files: CriticalFiles): Promise<ProtectResult> {
  const { repository } = await openOwnRepository(places, { signal, ...owner });
  return protect({
    repository,
    files,
    identity: { ...owner, uid: 0, gid: 0 },
    programVersion: "holdfast test",
    signal,
    onStep: () => {},
    onProblem: () => {},
    onUnrecorded: (error) => {
      throw error;
    },
  });
}

const damagePack = (): void => {
  const [prefix] = readdirSync(join(places.repository, "data")).filter(
    (name) => readdirSync(join(places.repository, "data", name)).length > 0,
  );
  const dir = join(places.repository, "data", prefix as string);
  const pack = join(dir, readdirSync(dir)[0] as string);
  chmodSync(pack, 0o600);
  writeFileSync(pack, "x", { flag: "r+" });
};

describe("protecting files", () => {
  test("stores, restores and compares a sample, and checks: proven", async () => {
    const first = await run(namedFiles([join(folder, "home")], places.repository));
    expect(first).toMatchObject({
      proven: true,
      backup: { filesDone: 30 },
      restore: { restored: 31, equalToSource: 31, changedSince: 0, failures: [] },
      check: { healthy: true },
    });
    writeFileSync(join(folder, "home", "docs", "file 3"), "new");
    const second = await run(namedFiles([join(folder, "home")], places.repository));
    expect(second).toMatchObject({
      proven: true,
      backup: { counts: { filesChanged: 1, filesUnmodified: 29 } },
      check: { snapshots: 2 },
    });
  }, 60_000);

  test("a damaged pack is not proven", async () => {
    await run(namedFiles([join(folder, "home")], places.repository));
    damagePack();
    const result = await run(namedFiles([join(folder, "home")], places.repository)).catch((error: unknown) => error);
    if (result instanceof Error && !isHoldfastError(result)) throw result;
    const proven = isHoldfastError(result) ? false : (result as ProtectResult).proven;
    expect(proven).toBe(false);
  }, 60_000);

  test("a lost password file is said, and nothing is made over the repository", async () => {
    const { repository } = await openOwnRepository(places, { signal, ...owner });
    await repository.close();
    rmSync(places.passwordFile);
    await expect(openOwnRepository(places, { signal, ...owner })).rejects.toSatisfy((error) =>
      isHoldfastError(error, "PROTECTION_PASSWORD_MISSING"),
    );
  }, 60_000);

  test("a first run that was cut off before the config can be repeated", async () => {
    const { repository } = await openOwnRepository(places, { signal, ...owner });
    await repository.close();
    rmSync(join(places.repository, "config"), { force: true });
    const again = await openOwnRepository(places, { signal, ...owner });
    expect(again.isNew).toBe(true);
    expect(await listSnapshots(again.repository, { signal })).toEqual([]);
  }, 60_000);

  test("keys of a repository that lost its config are never touched", async () => {
    await run(namedFiles([join(folder, "home")], places.repository));
    rmSync(join(places.repository, "config"), { force: true });
    const before = readdirSync(join(places.repository, "keys"));
    await expect(openOwnRepository(places, { signal, ...owner })).rejects.toSatisfy((error) =>
      isHoldfastError(error, "ENGINE_FOLDER_NOT_EMPTY"),
    );
    expect(readdirSync(join(places.repository, "keys"))).toEqual(before);
  }, 60_000);

  test("caches, what can be made again, and the repository itself are left out of a home folder", async () => {
    const home = join(folder, "home");
    for (const name of [".cache/x", "project/node_modules/x", "tagged/x"]) {
      mkdirSync(join(home, name, ".."), { recursive: true });
      writeFileSync(join(home, name), "not worth it");
    }
    writeFileSync(join(home, "tagged", "CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
    const { targets, ...rest } = criticalFiles(home, places.repository);
    expect(targets[0]).toBe(home);
    const result = await run({ ...rest, targets: [home] });
    // 30 files and the tag itself.
    expect(result.backup.filesDone).toBe(31);
  }, 60_000);
});
