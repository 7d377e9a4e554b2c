import { execFileSync } from "node:child_process";
import { accessSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openBackend } from "../location.ts";
import { bytesSource } from "../bytes-source.ts";
import { unaborted } from "../testing/conformance-subject.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { assertNothingWasHere, recallPlace, rememberPlace } from "./known-places.ts";
import { openLocal } from "./local-backend.ts";
import { assertVolume, mountOf, volumeRule } from "./mount-guard.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-guard-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const NOT_MOUNTED = { code: "STORAGE_NOT_MOUNTED", transient: false };

function fresh(): string {
  const path = join(folder, String(count++));
  mkdirSync(path);
  return path;
}

function options(given: Readonly<Record<string, string>>) {
  return { variable: () => undefined, option: (name: string) => given[name], home: "/" };
}

/** Whether this user may mount something. */
const mayMount = (() => {
  const point = fresh();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", point], { stdio: "ignore" });
    execFileSync("umount", [point]);
    return true;
  } catch {
    return false;
  }
})();

const hasSharedMemory = (() => {
  try {
    accessSync("/dev/shm");
    return true;
  } catch {
    return false;
  }
})();

describe("the guard of a volume", () => {
  test("asks for nothing when nothing was said", async () => {
    await assertVolume("/no/such/place", volumeRule(options({})));
    await assertVolume("/no/such/place", volumeRule(options({ "local.require-mount": "false" })));
  });

  test.each([
    { "local.volume": "marker:" },
    { "local.volume": "marker:.." },
    { "local.volume": "marker:a/b" },
    { "local.volume": "label:disk" },
    { "local.volume": "" },
    { "local.require-mount": "yes" },
    { "local.require-mount": "mnt" },
  ])("does not understand %j", (given) => {
    expect(() => volumeRule(options(given as unknown as Record<string, string>))).toThrow(
      expect.objectContaining({ code: "STORAGE_INVALID_OPTION" }),
    );
  });

  test("finds a marker in the folder and above it, also when the folder is not there yet", async () => {
    const disk = fresh();
    const rule = volumeRule(options({ "local.volume": "marker:.this-is-disk-7" }));
    await expect(assertVolume(join(disk, "backup/repository"), rule)).rejects.toMatchObject(NOT_MOUNTED);
    writeFileSync(join(disk, ".this-is-disk-7"), "");
    await assertVolume(join(disk, "backup/repository"), rule);
    mkdirSync(join(disk, "backup/repository"), { recursive: true });
    await assertVolume(join(disk, "backup/repository"), rule);
  });

  test("refuses to open a repository, and to make one, where the volume is not", async () => {
    const place = join(fresh(), "repository");
    await expect(openBackend(place, options({ "local.volume": "marker:absent" }))).rejects.toMatchObject(NOT_MOUNTED);
    await expect(openBackend(place, options({ "local.require-mount": fresh() }))).rejects.toMatchObject(NOT_MOUNTED);
    expect(() => accessSync(place)).toThrow("ENOENT");
  });

  test("knows that the file system of / is not a mounted volume", async () => {
    await expect(assertVolume("/", { mount: true })).rejects.toMatchObject(NOT_MOUNTED);
    await expect(assertVolume(fresh(), { mount: "/no/such/mount" })).rejects.toMatchObject(NOT_MOUNTED);
  });

  test("reads the table of mounts: the longest mount point above a path, and the last one there", () => {
    const table = [
      String.raw`22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw`,
      String.raw`23 22 8:17 / /mnt/my\040disk rw - ext4 /dev/sdb1 rw`,
      String.raw`24 22 0:33 / /mnt/disk rw shared:1 master:2 - btrfs /dev/sdc1 rw`,
      String.raw`25 22 0:34 / /mnt/disk rw - tmpfs tmpfs rw`,
      "nonsense",
      "",
    ].join("\n");
    expect(mountOf("/mnt/my disk/repository", table)).toEqual({ point: "/mnt/my disk", source: "/dev/sdb1" });
    expect(mountOf("/mnt/disk", table)?.source).toBe("tmpfs");
    expect(mountOf("/mnt/diskette", table)?.source).toBe("/dev/sda1");
    expect(mountOf("/", table)?.source).toBe("/dev/sda1");
    expect(mountOf("/", "")).toBeUndefined();
  });

  test("compares the device of a UUID with the one that is mounted", async () => {
    const place = fresh();
    const byUuid = fresh();
    const mountTable = join(byUuid, "mountinfo");
    const [right, wrong] = ["right", "wrong"].map((name) => join(byUuid, name));
    for (const device of [right, wrong]) writeFileSync(device ?? "", "");
    symlinkSync(right ?? "", join(byUuid, "1234-ABCD"));
    const sources = { byUuid, mountTable };
    const rule = volumeRule(options({ "local.volume": "uuid:1234-abcd" }));
    const mounted = (device: string | undefined): void =>
      writeFileSync(mountTable, `1 1 8:1 / ${place} rw - ext4 ${device} rw\n`);
    mounted(right);
    await assertVolume(join(place, "repository"), rule, sources);
    mounted(wrong);
    await expect(assertVolume(place, rule, sources)).rejects.toMatchObject(NOT_MOUNTED);
    writeFileSync(mountTable, "");
    await expect(assertVolume(place, rule, sources)).rejects.toMatchObject(NOT_MOUNTED);
    await expect(assertVolume(place, { uuid: "5678-ABCD" }, sources)).rejects.toMatchObject(NOT_MOUNTED);
  });

  test.skipIf(!mayMount)("follows a real disk that comes and goes, also while it is in use", async () => {
    const point = fresh();
    const rules = [options({ "local.require-mount": "true" }), options({ "local.require-mount": point })];
    const mount = (): unknown => execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", point]);
    if (statSync(folder).dev === statSync("/").dev) {
      await expect(openBackend(point, rules[0])).rejects.toMatchObject(NOT_MOUNTED);
    }
    await expect(openBackend(point, rules[1])).rejects.toMatchObject(NOT_MOUNTED);
    mount();
    try {
      for (const rule of rules) await openBackend(join(point, "repository"), rule);
      const backend = openLocal(point);
      await backend.initialize(unaborted());
      const first = sampleFile("pack", 10, 1);
      await backend.save(first.key, bytesSource(first.bytes), unaborted());
      execFileSync("umount", ["-l", point]);
      const second = sampleFile("pack", 10, 2);
      await expect(backend.save(second.key, bytesSource(second.bytes), unaborted())).rejects.toMatchObject(NOT_MOUNTED);
      expect(readdirSync(point)).toEqual([]);
      mount();
    } finally {
      execFileSync("umount", ["-l", point]);
    }
  });
});

describe.skipIf(!hasSharedMemory)("a folder in which a repository was used", () => {
  const id = "ab".repeat(32);

  test("is known again when it is empty: then its disk is not mounted", async () => {
    const place = mkdtempSync("/dev/shm/holdfast-place-");
    const file = join(fresh(), "state/places.json");
    try {
      await assertNothingWasHere(file, place);
      await rememberPlace(file, place, id, Date.UTC(2026, 10, 1));
      expect(await recallPlace(file, place)).toEqual({ path: place, id, usedAt: "2026-11-01" });
      await expect(assertNothingWasHere(file, place)).rejects.toMatchObject({
        ...NOT_MOUNTED,
        message: expect.stringContaining("is the disk mounted?"),
      });
      mkdirSync(join(place, "lost+found"));
      await expect(assertNothingWasHere(file, place)).rejects.toMatchObject(NOT_MOUNTED);
      writeFileSync(join(place, "notes"), "");
      await assertNothingWasHere(file, place);
    } finally {
      rmSync(place, { recursive: true });
    }
    await assertNothingWasHere(file, place);
  });

  test("is noted with the repository that was there last", async () => {
    const file = join(fresh(), "places.json");
    const place = mkdtempSync("/dev/shm/holdfast-place-");
    try {
      await rememberPlace(file, place, id);
      await rememberPlace(file, place, "cd".repeat(32));
      expect((await recallPlace(file, place))?.id).toBe("cd".repeat(32));
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  test("that cannot be unmounted is not noted, and broken notes are passed over", async () => {
    const file = join(fresh(), "places.json");
    await rememberPlace(file, "/", id);
    expect(() => accessSync(file)).toThrow("ENOENT");
    for (const text of ["", "[", '{"a":1}', '[1,null,{"path":1}]']) {
      writeFileSync(file, text);
      expect(await recallPlace(file, "/")).toBeUndefined();
    }
    await rememberPlace(join(file, "not/a/folder"), "/dev/shm", id);
  });
});
