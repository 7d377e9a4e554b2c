/** Devices, pipes and times of links: what `node:fs` has no function for, or only one that loses precision. */
import { constants } from "node:os";
import { AT_FDCWD, checkResult, CStringBuffer, libcFunctions, SystemCallError } from "./libc.ts";

// From Linux's headers; mknod has no symbol of its own before glibc 2.33, so it is called by its number.
const SYS_MKNODAT = process.arch === "arm64" ? 33 : 259;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NS_PER_SECOND = 1_000_000_000n;
const MAX_DEVICE = 0xffff_ffffn;

function open() {
  const times = new BigInt64Array(4);
  return {
    ...libcFunctions({
      syscall: { arguments: ["int64", "int64", "buffer", "int64", "int64"], return: "int64" },
      utimensat: { arguments: ["int32", "buffer", "buffer", "int32"], return: "int32" },
    }),
    path: new CStringBuffer(),
    times,
    timesBytes: new Uint8Array(times.buffer),
  };
}

let opened: ReturnType<typeof open> | undefined;
const libc = (): ReturnType<typeof open> => (opened ??= open());

/**
 * Makes a device, pipe or empty file. It fails where anything exists, also a link that leads nowhere.
 *
 * @param mode type and permissions (`S_IFBLK | 0o600`), lessened by the umask
 * @param device `st_rdev` of a device, else 0
 * @throws SystemCallError, for example EPERM without the privilege, EEXIST; EINVAL for a device past 32 bits
 */
export function mknod(path: string, mode: number, device: bigint): void {
  if (device < 0n || device > MAX_DEVICE) throw new SystemCallError("mknod", constants.errno.EINVAL, path);
  const c = libc();
  const result = c.syscall(BigInt(SYS_MKNODAT), BigInt(AT_FDCWD), c.path.set(path, "mknod"), BigInt(mode), device);
  checkResult(result, "mknod", path);
}

/**
 * Sets both times of a path itself, never of what a link points to. Nanoseconds since 1970, negative before.
 *
 * @throws SystemCallError, for example ENOENT, EPERM
 */
export function utimensat(path: string, atimeNs: bigint, mtimeNs: bigint): void {
  const c = libc();
  setTimespec(c.times, 0, atimeNs);
  setTimespec(c.times, 2, mtimeNs);
  const result = c.utimensat(AT_FDCWD, c.path.set(path, "utimensat"), c.timesBytes, AT_SYMLINK_NOFOLLOW);
  checkResult(result, "utimensat", path);
}

/** Writes a timespec: seconds, and nanoseconds in 0 to 999,999,999 also before 1970. */
export function setTimespec(out: BigInt64Array, at: number, ns: bigint): void {
  let seconds = ns / NS_PER_SECOND;
  let rest = ns % NS_PER_SECOND;
  if (rest < 0n) {
    rest += NS_PER_SECOND;
    seconds -= 1n;
  }
  out[at] = seconds;
  out[at + 1] = rest;
}
