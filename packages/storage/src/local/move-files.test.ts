/** Moving files of a repository in a folder. The operating system's calls are made to fail. */
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unaborted } from "../testing/conformance-subject.ts";
import { type FileCalls, systemCalls } from "./file-calls.ts";
import { LocalBackend } from "./local-backend.ts";

const NAMES = ["a", "b", "c", "d", "e"].map((digit) => digit.repeat(64));
const OLD = new Date("2026-01-01T00:00:00Z");
const [A = "", B = ""] = NAMES;

let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-move-"));
  await new LocalBackend(root).initialize(unaborted());
  for (const name of NAMES) {
    await writeFile(join(root, "snapshots", name), name);
    await utimes(join(root, "snapshots", name), OLD, OLD);
  }
});

afterEach(() => rm(root, { recursive: true }));

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(join(root, folder)).catch((): string[] => [])).toSorted();

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: planned`), { code });
}

function refusing(call: "linkNow" | "renewTimeNow" | "unlinkNow", code: string): LocalBackend {
  const fail = (): never => {
    throw failure(code);
  };
  return new LocalBackend(root, { ...systemCalls, [call]: fail });
}

async function move(backend: LocalBackend, names = NAMES): Promise<{ left: string[]; moved: string[] }> {
  const moved: string[] = [];
  const onMoved = (name: string): void => void moved.push(name);
  return { left: await backend.move("snapshot", "forgotten", names, { ...unaborted(), onMoved }), moved };
}

describe("moving", () => {
  test("gives the very same files another folder, as if they had come now", async () => {
    const before = await stat(join(root, "snapshots", A));
    const startedMs = Date.now();
    expect(await move(new LocalBackend(root))).toEqual({ left: [], moved: NAMES });
    expect(await namesIn("snapshots")).toEqual([]);
    expect(await namesIn("holdfast/forgotten")).toEqual(NAMES);
    const after = await stat(join(root, "holdfast/forgotten", A));
    expect(after.ino).toBe(before.ino);
    expect(after.nlink).toBe(1);
    expect(after.mtimeMs).toBeGreaterThanOrEqual(startedMs - 1000);
    expect(await new LocalBackend(root).move("forgotten", "snapshot", [A], unaborted())).toEqual([]);
    expect(await namesIn("snapshots")).toEqual([A]);
  });

  test("passes over what is not there", async () => {
    await rm(join(root, "snapshots", A));
    expect(await move(new LocalBackend(root), [A, B])).toEqual({ left: [], moved: [A, B] });
    expect(await namesIn("holdfast/forgotten")).toEqual([B]);
  });

  test("leaves alone what has the name already: its time would not be renewed", async () => {
    await move(new LocalBackend(root), [A]);
    await writeFile(join(root, "snapshots", A), "again");
    expect(await move(new LocalBackend(root))).toEqual({ left: [A], moved: NAMES.slice(1) });
    expect(await namesIn("snapshots")).toEqual([A]);
  });

  test.for([
    ["linkNow", "EPERM"],
    ["linkNow", "EMLINK"],
    ["linkNow", "EXDEV"],
    ["linkNow", "ENOTSUP"],
    ["renewTimeNow", "EPERM"],
    ["renewTimeNow", "EACCES"],
  ] as const)("that the system refuses (%s: %s) leaves everything as it was", async ([call, code]) => {
    expect(await move(refusing(call, code))).toEqual({ left: NAMES, moved: [] });
    expect(await namesIn("snapshots")).toEqual(NAMES);
    expect(await namesIn("holdfast/forgotten")).toEqual([]);
  });

  test("is not done where the time that counts is a server's", async () => {
    const shared = new LocalBackend(root, { ...systemCalls, fileSystemType: () => 0x6969 });
    expect(await move(shared)).toEqual({ left: NAMES, moved: [] });
    expect(await namesIn("holdfast/forgotten")).toEqual([]);
  });

  test.for([
    ["linkNow", "ENOSPC", "STORAGE_FULL"],
    ["linkNow", "EROFS", "STORAGE_READ_ONLY"],
    ["linkNow", "EACCES", "STORAGE_PERMISSION"],
    ["renewTimeNow", "EIO", "STORAGE_UNAVAILABLE"],
    ["unlinkNow", "EACCES", "STORAGE_PERMISSION"],
  ] as const)("whose %s fails with %s is %s, and no file is lost", async ([call, code, expected]) => {
    await expect(move(refusing(call, code))).rejects.toMatchObject({ code: expected });
    expect(await namesIn("snapshots")).toEqual(NAMES);
  });

  test("refuses names that lead elsewhere, before anything is moved", async () => {
    await expect(move(new LocalBackend(root), [A, "../config"])).rejects.toMatchObject({
      code: "STORAGE_INVALID_NAME",
    });
    expect(await namesIn("snapshots")).toEqual(NAMES);
  });

  test("cut off at any call, each file is in one of the folders, what is still in the first is as old as it was, and the next run finishes", async () => {
    for (let ends = 1; ; ends++) {
      let calls = 0;
      const counted = <T extends unknown[], R>(run: (...args: T) => R) => {
        return (...args: T): R => {
          if (++calls === ends) throw failure("EIO");
          return run(...args);
        };
      };
      const { linkNow, unlinkNow, renewTimeNow, fsync } = systemCalls;
      const cut: FileCalls = {
        ...systemCalls,
        linkNow: counted(linkNow),
        unlinkNow: counted(unlinkNow),
        renewTimeNow: counted(renewTimeNow),
        fsync: counted(fsync),
      };
      const isWhole = await move(new LocalBackend(root, cut)).then(
        () => true,
        () => false,
      );
      const [first, second] = [await namesIn("snapshots"), await namesIn("holdfast/forgotten")];
      expect([...new Set([...first, ...second])].toSorted()).toEqual(NAMES);
      const times = await Promise.all(first.map(async (name) => (await stat(join(root, "snapshots", name))).mtimeMs));
      // At most the one whose turn it was.
      expect(times.filter((ms) => ms !== OLD.getTime()).length).toBeLessThanOrEqual(1);
      if (isWhole) {
        expect(ends).toBeGreaterThan(15);
        return;
      }
      const { left } = await move(new LocalBackend(root));
      for (const name of left) await rm(join(root, "holdfast/forgotten", name));
      expect(await move(new LocalBackend(root), left)).toMatchObject({ left: [] });
      expect(await namesIn("snapshots")).toEqual([]);
      await new LocalBackend(root).move("forgotten", "snapshot", NAMES, unaborted());
      for (const name of NAMES) await utimes(join(root, "snapshots", name), OLD, OLD);
    }
  });

  test("an abort ends it between two files", async () => {
    const controller = new AbortController();
    const onMoved = (): void => controller.abort(new Error("enough"));
    const moving = new LocalBackend(root).move("snapshot", "forgotten", NAMES, { signal: controller.signal, onMoved });
    await expect(moving).rejects.toThrow("enough");
    expect(await namesIn("snapshots")).toEqual(NAMES.slice(1));
  });
});
