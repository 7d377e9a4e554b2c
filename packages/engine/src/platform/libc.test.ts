import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { lgetxattr, llistxattr, lremovexattr, lsetxattr } from "./extended-attributes.ts";
import { fallocate, posixFadvise, seekData, seekHole } from "./file-space.ts";
import { CStringBuffer, systemReason } from "./libc.ts";
import { groupIdOf, groupNameOf, userIdOf, userNameOf } from "./name-service.ts";
import { mknod, utimensat } from "./special-files.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-libc-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (content = ""): string => {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, content);
  return path;
};
const failing = (code: string): unknown => expect.objectContaining({ code });
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("errno", () => {
  test("each failure has its own code, also under memory pressure", () => {
    const file = newFile();
    const garbage: unknown[] = [];
    for (let i = 0; i < 3000; i++) {
      garbage[i % 50] = new Uint8Array(20_000);
      expect(() => llistxattr(join(folder, "absent"))).toThrow(failing("ENOENT"));
      expect(() => llistxattr(join(file, "below"))).toThrow(failing("ENOTDIR"));
      expect(() => lgetxattr(file, "user.absent")).toThrow(failing("ENODATA"));
      expect(() => lsetxattr(file, "nonsense", bytes(1))).toThrow(failing("ENOTSUP"));
    }
  });

  test("the very first call of a process tells the right code", () => {
    const script = `
      const { llistxattr } = await import(${JSON.stringify(new URL("./extended-attributes.ts", import.meta.url).href)});
      try { llistxattr("/absent"); }
      catch ({ code, errno, syscall, message }) { console.log(code, errno, syscall, message); }`;
    const args = ["--input-type=module", "--eval", script];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: {} });
    expect(stderr).toBe("");
    expect(stdout).toBe("ENOENT -2 llistxattr ENOENT: no such file or directory, llistxattr '/absent'\n");
  });

  test("a reason names neither call nor path, of libc as of node:fs", () => {
    const caught = (action: () => void): unknown => {
      try {
        action();
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const reason = "ENOENT: no such file or directory";
    expect(systemReason(caught(() => llistxattr("/absent")))).toBe(reason);
    expect(systemReason(caught(() => lstatSync("/absent")))).toBe(reason);
    expect(systemReason(new Error("other"))).toBe("other");
  });
});

describe("C strings", () => {
  test("a NUL is refused, never a cut path", () => {
    const file = newFile();
    expect(() => llistxattr(`${file}\0.txt`)).toThrow(failing("EINVAL"));
  });

  test("a path that is too long is the system's own error", () => {
    expect(() => llistxattr(`/${"ü".repeat(5000)}`)).toThrow(failing("ENAMETOOLONG"));
  });

  test.each(["a", "ü😀", "\udcff\udc80x", "b".repeat(4095), "c".repeat(4096), "€".repeat(1365), "€".repeat(1366)])(
    "text number %# is ended by a NUL and nothing else is",
    (text) => {
      const buffer = new CStringBuffer();
      buffer.set("z".repeat(3000), "test");
      const wanted = text.isWellFormed() ? Buffer.from(text) : Buffer.from([0xff, 0x80, 0x78]);
      const set = buffer.set(text, "test");
      expect(set.indexOf(0)).toBe(wanted.length);
      expect(Buffer.compare(set.subarray(0, wanted.length), wanted)).toBe(0);
    },
  );
});

describe("extended attributes", () => {
  test("are set, listed, read and removed; empty, binary and of the largest size that fits", () => {
    const file = newFile();
    const large = new Uint8Array(2000).map((_, i) => i);
    lsetxattr(file, "user.empty", bytes());
    lsetxattr(file, "user.binary", bytes(0, 255, 10));
    lsetxattr(file, "user.large", large);
    lsetxattr(file, "user.binary", bytes(0, 254, 10));
    expect(
      llistxattr(file)
        .filter((name) => name.startsWith("user."))
        .sort(),
    ).toEqual(["user.binary", "user.empty", "user.large"]);
    expect(lgetxattr(file, "user.empty")).toEqual(bytes());
    expect(lgetxattr(file, "user.binary")).toEqual(bytes(0, 254, 10));
    expect(lgetxattr(file, "user.large")).toEqual(large);
    lremovexattr(file, "user.large");
    expect(() => lgetxattr(file, "user.large")).toThrow(failing("ENODATA"));
    expect(() => lremovexattr(file, "user.large")).toThrow(failing("ENODATA"));
  });

  test("a value read earlier is not changed by the next call", () => {
    const file = newFile();
    lsetxattr(file, "user.a", bytes(1));
    lsetxattr(file, "user.b", bytes(2));
    const a = lgetxattr(file, "user.a");
    lgetxattr(file, "user.b");
    expect(a).toEqual(bytes(1));
  });

  test("names and paths may be any bytes", () => {
    const file = join(folder, "name-\udcff");
    const path = Buffer.concat([Buffer.from(`${folder}/name-`), bytes(0xff)]);
    writeFileSync(path, "");
    lsetxattr(file, "user.\udce4", bytes(7));
    expect(llistxattr(file)).toContain("user.\udce4");
    expect(lgetxattr(file, "user.\udce4")).toEqual(bytes(7));
  });

  test("of a link are its own, not those of its target", () => {
    const file = newFile();
    const link = join(folder, "link-to-attributes");
    lsetxattr(file, "user.target", bytes(1));
    symlinkSync(file, link);
    expect(llistxattr(link)).not.toContain("user.target");
    expect(() => lsetxattr(link, "user.link", bytes(1))).toThrow(failing("EPERM"));
    expect(llistxattr(file)).not.toContain("user.link");
  });
});

describe("utimensat", () => {
  test.each([
    [0n, 0n],
    [1_700_000_000_123_456_789n, 1_600_000_000_999_999_999n],
    [-1n, -1_000_000_000n],
    [-1_500_000_001n, -999_999_999n],
    [-2_000_000_000_000_000_001n, 4_000_000_000_000_000_001n],
  ])("access %d and modification %d are kept to the nanosecond", (atime, mtime) => {
    const file = newFile();
    utimensat(file, atime, mtime);
    const { atimeNs, mtimeNs } = lstatSync(file, { bigint: true });
    expect([atimeNs, mtimeNs]).toEqual([atime, mtime]);
  });

  test("sets a link's own times, also of one that leads nowhere", () => {
    const link = join(folder, "dangling");
    symlinkSync("nowhere", link);
    utimensat(link, 1n, 2n);
    expect(lstatSync(link, { bigint: true }).mtimeNs).toBe(2n);
  });
});

describe("mknod", () => {
  test("makes a pipe, and nothing where something is", () => {
    const path = join(folder, "pipe");
    mknod(path, 0o010600, 0n);
    expect(lstatSync(path).isFIFO()).toBe(true);
    expect(() => mknod(path, 0o010600, 0n)).toThrow(failing("EEXIST"));
  });

  test("a device that 32 bits do not hold is refused instead of cut", () => {
    expect(() => mknod(join(folder, "device"), 0o020600, 1n << 32n)).toThrow(failing("EINVAL"));
  });
});

describe("name service", () => {
  test("root is number 0, and the other way round", () => {
    expect([userNameOf(0), userIdOf("root"), groupNameOf(0), groupIdOf("root")]).toEqual(["root", 0, "root", 0]);
  });

  test("who runs this has the name that Node knows", () => {
    const { uid, username } = userInfo();
    expect(userNameOf(uid)).toBe(username);
  });

  test("what has no name is undefined", () => {
    const absent = [
      userNameOf(3_999_999_999),
      groupNameOf(3_999_999_999),
      userIdOf("no-such-user"),
      groupIdOf("no-such-group"),
    ];
    expect(absent).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("space of open files", () => {
  const opened = (write: (file: number) => void): number => {
    const file = openSync(newFile(), "r+");
    write(file);
    return file;
  };

  test("reserving space makes the file that long and keeps its bytes", () => {
    const file = opened((fd) => writeSync(fd, "abc"));
    fallocate(file, 0, 1_000_000);
    const { size, blocks } = fstatSync(file);
    closeSync(file);
    expect(size).toBe(1_000_000);
    expect(blocks * 512).toBeGreaterThanOrEqual(1_000_000);
  });

  test("reserving no space at all, or in a closed file, is refused", () => {
    const file = opened(() => undefined);
    expect(() => fallocate(file, 0, 0)).toThrow(failing("EINVAL"));
    closeSync(file);
    expect(() => fallocate(file, 0, 1)).toThrow(failing("EBADF"));
  });

  test("data and holes are found past 4 GiB", () => {
    const at = 5 * 2 ** 30;
    const file = opened((fd) => {
      writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, at);
      ftruncateSync(fd, at + 2 ** 20);
    });
    const found = [
      seekData(file, 0),
      seekHole(file, at),
      seekHole(file, 0),
      seekData(file, at + 8192),
      seekHole(file, at * 2),
    ];
    closeSync(file);
    expect(found).toEqual([at, at + 4096, 0, undefined, undefined]);
  });

  test("advice is taken for a file and refused for what is closed", () => {
    const file = opened(() => undefined);
    posixFadvise(file, 0, 0, "sequential");
    posixFadvise(file, 0, 0, "dontneed");
    closeSync(file);
    expect(() => posixFadvise(file, 0, 0, "dontneed")).toThrow(failing("EBADF"));
  });
});
