/** What the backend makes of the failures of disks and network shares. The operating system's calls are made to fail. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesSource } from "../bytes-source.ts";
import { get, listAll, put, unaborted } from "../testing/conformance-subject.ts";
import { sampleBytes, sampleFile } from "../testing/sample-files.ts";
import { type FileCalls, systemCalls } from "./file-calls.ts";
import { LocalBackend } from "./local-backend.ts";

const FILE = sampleFile("index", 5000);

let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-local-"));
  await new LocalBackend(root).initialize(unaborted());
});

afterEach(() => rm(root, { recursive: true }));

/** The real calls, of which those named fail each time with the given code of the system. */
function failing(codes: Partial<Record<keyof FileCalls, string>>): LocalBackend {
  const fail = (call: keyof FileCalls): Partial<FileCalls> => ({
    [call]: () => {
      const error = Object.assign(new Error(`${codes[call]}: planned`), { code: codes[call] });
      if (call === "fstat") throw error;
      return Promise.reject(error);
    },
  });
  const overrides = (Object.keys(codes) as (keyof FileCalls)[]).map(fail);
  return new LocalBackend(root, Object.assign({ ...systemCalls }, ...overrides));
}

async function leftovers(): Promise<string[]> {
  return readdir(join(root, "index"));
}

describe("save", () => {
  test.each([
    ["open", "ENOSPC", "STORAGE_FULL"],
    ["open", "EROFS", "STORAGE_READ_ONLY"],
    ["open", "EACCES", "STORAGE_PERMISSION"],
    ["open", "EMFILE", "STORAGE_UNAVAILABLE"],
    ["write", "ENOSPC", "STORAGE_FULL"],
    ["write", "EDQUOT", "STORAGE_FULL"],
    ["write", "EIO", "STORAGE_UNAVAILABLE"],
    ["write", "EFBIG", "STORAGE_FAILED"],
    ["fchmod", "EIO", "STORAGE_UNAVAILABLE"],
    ["fsync", "EIO", "STORAGE_UNAVAILABLE"],
    ["fsync", "ENOSPC", "STORAGE_FULL"],
    ["rename", "EPERM", "STORAGE_PERMISSION"],
    ["rename", "ESTALE", "STORAGE_UNAVAILABLE"],
  ] as const)("whose %s fails with %s is %s, and leaves nothing", async (call, code, expected) => {
    const saving = put(failing({ [call]: code }), FILE);
    await expect(saving).rejects.toMatchObject({ code: expected, transient: expected === "STORAGE_UNAVAILABLE" });
    expect(await leftovers()).toEqual([]);
  });

  test("that learns of a full share only at close fails, and leaves nothing", async () => {
    const close: FileCalls["close"] = async (fd) => {
      await systemCalls.close(fd);
      throw Object.assign(new Error("EDQUOT: planned"), { code: "EDQUOT" });
    };
    const backend = new LocalBackend(root, { ...systemCalls, close });
    await expect(put(backend, FILE)).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(await leftovers()).toEqual([]);
  });

  test("reports the first failure, also when closing and tidying up fail as well", async () => {
    const close: FileCalls["close"] = async (fd) => {
      await systemCalls.close(fd);
      throw Object.assign(new Error("EIO: planned"), { code: "EIO" });
    };
    const refuse = (code: string) => () => Promise.reject(Object.assign(new Error(`${code}: planned`), { code }));
    const calls = { ...systemCalls, close, write: refuse("ENOSPC"), unlink: refuse("EIO") };
    await expect(put(new LocalBackend(root, calls), FILE)).rejects.toMatchObject({ code: "STORAGE_FULL" });
  });

  test.each([
    ["fsync", "EINVAL"],
    ["fsync", "ENOTSUP"],
    ["fsync", "ENOSYS"],
    ["fchmod", "EPERM"],
    ["fchmod", "ENOTSUP"],
  ] as const)("does without %s where that is %s", async (call, code) => {
    const backend = failing({ [call]: code });
    await put(backend, FILE);
    expect(Buffer.compare(await get(backend, FILE.key), FILE.bytes)).toBe(0);
  });

  test("that is aborted while it is flushed leaves nothing", async () => {
    const aborter = new AbortController();
    const reason = new Error("enough");
    const fsync: FileCalls["fsync"] = async (fd) => {
      await systemCalls.fsync(fd);
      aborter.abort(reason);
    };
    const backend = new LocalBackend(root, { ...systemCalls, fsync });
    const save = backend.save(FILE.key, bytesSource(FILE.bytes), { signal: aborter.signal });
    expect(await save.catch((error: unknown) => error)).toBe(reason);
    expect(await leftovers()).toEqual([]);
  });

  test("goes on after short writes", async () => {
    const write: FileCalls["write"] = (fd, bytes, offset, length) =>
      systemCalls.write(fd, bytes, offset, Math.min(length, 777));
    const backend = new LocalBackend(root, { ...systemCalls, write });
    await put(backend, FILE);
    expect(Buffer.compare(await get(backend, FILE.key), FILE.bytes)).toBe(0);
  });
});

describe("save with ifAbsent where there are no hard links", () => {
  test.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])(
    "(%s) looks first, and says that it does",
    async (code) => {
      const backend = failing({ link: code });
      const options = { ...unaborted(), ifAbsent: true };
      await backend.save(FILE.key, bytesSource(FILE.bytes), options);
      expect(Buffer.compare(await get(backend, FILE.key), FILE.bytes)).toBe(0);
      expect(backend.capabilities.conditionalPut).toBe(false);
      const second = backend.save(FILE.key, bytesSource(sampleBytes(10, 1)), options);
      await expect(second).rejects.toMatchObject({ code: "STORAGE_EXISTS" });
      expect(await leftovers()).toEqual([FILE.key.name]);
    },
  );

  test("still lets only one of several in this process win", async () => {
    const backend = failing({ link: "EPERM" });
    const saves = Array.from({ length: 8 }, (_, seed) =>
      backend.save(FILE.key, bytesSource(sampleBytes(100, seed)), { ...unaborted(), ifAbsent: true }),
    );
    const outcomes = await Promise.allSettled(saves);
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
    expect(await leftovers()).toEqual([FILE.key.name]);
  });

  test("a real refusal is not taken for a lack of hard links", async () => {
    const backend = failing({ link: "EACCES" });
    const save = backend.save(FILE.key, bytesSource(FILE.bytes), { ...unaborted(), ifAbsent: true });
    await expect(save).rejects.toMatchObject({ code: "STORAGE_PERMISSION" });
    expect(backend.capabilities.conditionalPut).toBe(true);
  });
});

describe("initialize", () => {
  test.each([
    ["EROFS", "STORAGE_READ_ONLY"],
    ["EACCES", "STORAGE_PERMISSION"],
    ["ENOSPC", "STORAGE_FULL"],
  ] as const)("on a disk that refuses folders with %s is %s", async (code, expected) => {
    await expect(failing({ mkdir: code }).initialize(unaborted())).rejects.toMatchObject({ code: expected });
  });
});

describe("load, stat, list and remove", () => {
  test.each([
    ["open", "EACCES", "STORAGE_PERMISSION"],
    ["open", "ESTALE", "STORAGE_UNAVAILABLE"],
    ["fstat", "ESTALE", "STORAGE_UNAVAILABLE"],
    ["read", "EIO", "STORAGE_UNAVAILABLE"],
    ["read", "EISDIR", "STORAGE_FAILED"],
  ] as const)("a load whose %s fails with %s is %s", async (call, code, expected) => {
    await put(new LocalBackend(root), FILE);
    await expect(get(failing({ [call]: code }), FILE.key)).rejects.toMatchObject({ code: expected });
  });

  test("a file that gets shorter while it is read is a range error, not a short read", async () => {
    await put(new LocalBackend(root), FILE);
    let left = 4000;
    const read: FileCalls["read"] = async (fd, into, offset, length, position) => {
      const count = await systemCalls.read(fd, into, offset, Math.min(length, left), position);
      left -= count;
      return count;
    };
    const backend = new LocalBackend(root, { ...systemCalls, read });
    await expect(get(backend, FILE.key)).rejects.toMatchObject({ code: "STORAGE_RANGE" });
  });

  test("a consumer's own system error stays what it is", async () => {
    const backend = new LocalBackend(root);
    await put(backend, FILE);
    const theirs = Object.assign(new Error("ENOSPC: theirs"), { code: "ENOSPC" });
    const outcome = backend.load(FILE.key, undefined, () => Promise.reject(theirs), unaborted());
    expect(await outcome.catch((error: unknown) => error)).toBe(theirs);
  });

  test("stat, list and remove name what the system refused", async () => {
    await put(new LocalBackend(root), FILE);
    const noStat = failing({ stat: "EIO" });
    await expect(noStat.stat(FILE.key, unaborted())).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(listAll(noStat, "index")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    const noUnlink = failing({ unlink: "EROFS" });
    await expect(noUnlink.remove(FILE.key, unaborted())).rejects.toMatchObject({ code: "STORAGE_READ_ONLY" });
  });
});

describe("settling", () => {
  test.each([
    ["ext4", 0xef53, 0],
    ["XFS", 0x58465342, 0],
    ["tmpfs", 0x01021994, 0],
    ["NFS", 0x6969, 200],
    ["SMB", 0xfe534d42, 200],
    ["FUSE", 0x65735546, 200],
    ["one nobody knows", 0x12345678, 200],
  ])("takes a file system as shared with other machines unless it is known not to be: %s", (_, type, expected) => {
    const backend = new LocalBackend(root, { ...systemCalls, fileSystemType: () => type });
    expect(backend.capabilities.settleMs).toBe(expected);
  });

  test("of a folder that is not there is no error", () => {
    expect(new LocalBackend(join(root, "absent")).capabilities.settleMs).toBe(200);
  });
});
