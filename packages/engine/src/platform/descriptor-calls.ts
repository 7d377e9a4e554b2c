/** Calls of libc on open descriptors that `node:fs` does not have. A quarter of the time of the same by path. */
import { constants as system } from "node:os";
import { checkResult, CStringBuffer, lastErrno, libcFunctions } from "./libc.ts";
import { setTimespec } from "./special-files.ts";

/** From Linux's headers; the same on x64 and arm64. */
const O_CLOEXEC = 0o2000000;

function open() {
  const times = new BigInt64Array(4);
  return {
    ...libcFunctions({
      openat: { arguments: ["int32", "buffer", "int32", "uint32"], return: "int32" },
      close: { arguments: ["int32"], return: "int32" },
      flistxattr: { arguments: ["int32", "buffer", "uint64"], return: "int32" },
      futimens: { arguments: ["int32", "buffer"], return: "int32" },
    }),
    name: new CStringBuffer(),
    times,
    timesBytes: new Uint8Array(times.buffer),
    attributes: new Uint8Array(1024),
  };
}

let opened: ReturnType<typeof open> | undefined;
const libc = (): ReturnType<typeof open> => (opened ??= open());

/**
 * Opens `name` below an open folder. Close it with `closeDescriptor`: Node warns when one of its own calls closes a file that
 * it did not open.
 * @throws SystemCallError
 */
export function openAt(folder: number, name: string, flags: number, mode: number): number {
  const c = libc();
  const file = c.openat(folder, c.name.set(name, "openat"), flags | O_CLOEXEC, mode);
  checkResult(file, "openat", name);
  return file;
}

/** @throws SystemCallError, for example EIO or EDQUOT of a network file system */
export function closeDescriptor(file: number): void {
  checkResult(libc().close(file), "close");
}

/** Whether an open file has extended attributes, or nobody can tell. */
export function mayHaveAttributes(file: number): boolean {
  const { flistxattr, attributes } = libc();
  const length = flistxattr(file, attributes, BigInt(attributes.length));
  return length > 0 || (length < 0 && lastErrno() !== system.errno.ENOTSUP);
}

/** Sets the times of access and modification, in nanoseconds. @returns whether the system did so */
export function setTimes(file: number, atimeNs: bigint, mtimeNs: bigint): boolean {
  const { times, timesBytes, futimens } = libc();
  setTimespec(times, 0, atimeNs);
  setTimespec(times, 2, mtimeNs);
  return futimens(file, timesBytes) === 0;
}
