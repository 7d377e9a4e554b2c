/** Space and access pattern of open files: preallocation, holes, advice to the page cache. */
import { constants } from "node:os";
import { lastErrno, libcFunctions, SystemCallError } from "./libc.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ADVICE = { sequential: 2, dontneed: 4 } as const;

function open() {
  return libcFunctions({
    fallocate: { arguments: ["int32", "int32", "int64", "int64"], return: "int32" },
    posix_fadvise: { arguments: ["int32", "int64", "int64", "int32"], return: "int32" },
    lseek: { arguments: ["int32", "int64", "int32"], return: "int64" },
  });
}

let opened: ReturnType<typeof open> | undefined;
const libc = (): ReturnType<typeof open> => (opened ??= open());

/**
 * Reserves space for a file's bytes `offset` to `offset + length` and makes it at least that long.
 *
 * @throws SystemCallError ENOSPC; ENOTSUP where the file system cannot; EINVAL for a length of 0
 */
export function fallocate(file: number, offset: number, length: number): void {
  if (libc().fallocate(file, 0, BigInt(offset), BigInt(length)) < 0)
    throw new SystemCallError("fallocate", lastErrno());
}

/**
 * Tells the page cache how a range is used: read in order, or not needed any more. A length of 0 means up to the end.
 *
 * @throws SystemCallError, for example ESPIPE for a pipe
 */
export function posixFadvise(file: number, offset: number, length: number, advice: keyof typeof ADVICE): void {
  // It returns its error instead of setting errno.
  const error = libc().posix_fadvise(file, BigInt(offset), BigInt(length), ADVICE[advice]);
  if (error !== 0) throw new SystemCallError("posix_fadvise", error);
}

/**
 * The first position from `offset` on that holds data; `undefined` when only a hole follows. Moves the file's position.
 *
 * @throws SystemCallError, for example EINVAL where holes cannot be sought
 */
export function seekData(file: number, offset: number): number | undefined {
  return seek(file, offset, SEEK_DATA);
}

/**
 * The first position from `offset` on that lies in a hole, at the latest the end of the file; `undefined` when `offset`
 * is past the end. Moves the file's position.
 *
 * @throws SystemCallError, for example EINVAL where holes cannot be sought
 */
export function seekHole(file: number, offset: number): number | undefined {
  return seek(file, offset, SEEK_HOLE);
}

function seek(file: number, offset: number, whence: number): number | undefined {
  const position = libc().lseek(file, BigInt(offset), whence);
  if (position >= 0n) return Number(position);
  const error = lastErrno();
  if (error === constants.errno.ENXIO) return undefined;
  throw new SystemCallError("lseek", error);
}
