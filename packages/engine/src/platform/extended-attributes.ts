/** Extended attributes of a path itself, never of what a link points to: llistxattr(2) and its relatives. */
import { Buffer } from "node:buffer";
import { decodePath } from "../filesystem/path-bytes.ts";
import { checkResult, CStringBuffer, libcFunctions } from "./libc.ts";

/** Linux lets neither the list of names nor one value be larger. */
const MAX_BYTES = 64 * 1024;

// The sizes returned are a C ssize_t, of which the lower half holds all values up to MAX_BYTES and -1.
function open() {
  return {
    ...libcFunctions({
      llistxattr: { arguments: ["buffer", "buffer", "uint64"], return: "int32" },
      lgetxattr: { arguments: ["buffer", "buffer", "buffer", "uint64"], return: "int32" },
      lsetxattr: { arguments: ["buffer", "buffer", "buffer", "uint64", "int32"], return: "int32" },
      lremovexattr: { arguments: ["buffer", "buffer"], return: "int32" },
    }),
    bytes: Buffer.allocUnsafeSlow(MAX_BYTES),
    path: new CStringBuffer(),
    name: new CStringBuffer(),
  };
}

let opened: ReturnType<typeof open> | undefined;
const libc = (): ReturnType<typeof open> => (opened ??= open());

/**
 * Names of the attributes, surrogate-escaped, in the order in which the system lists them.
 *
 * @throws SystemCallError, for example ENOENT; ENOTSUP where the file system has none
 */
export function llistxattr(path: string): string[] {
  const c = libc();
  const length = c.llistxattr(c.path.set(path, "llistxattr"), c.bytes, BigInt(MAX_BYTES));
  checkResult(length, "llistxattr", path);
  const names: string[] = [];
  for (let at = 0; at < length;) {
    const end = c.bytes.indexOf(0, at);
    names.push(decodePath(c.bytes.subarray(at, end)));
    at = end + 1;
  }
  return names;
}

/**
 * The value of one attribute, in memory of its own.
 *
 * @throws SystemCallError, for example ENODATA when there is none of that name
 */
export function lgetxattr(path: string, name: string): Uint8Array {
  const c = libc();
  const syscall = "lgetxattr";
  const length = c.lgetxattr(c.path.set(path, syscall), c.name.set(name, syscall), c.bytes, BigInt(MAX_BYTES));
  checkResult(length, syscall, path);
  return new Uint8Array(c.bytes.subarray(0, length));
}

/**
 * Sets an attribute, whether it exists or not.
 *
 * @throws SystemCallError, for example EPERM, ENOTSUP, ENOSPC
 */
export function lsetxattr(path: string, name: string, value: Uint8Array): void {
  const c = libc();
  const syscall = "lsetxattr";
  const result = c.lsetxattr(c.path.set(path, syscall), c.name.set(name, syscall), value, BigInt(value.length), 0);
  checkResult(result, syscall, path);
}

/**
 * Removes an attribute.
 *
 * @throws SystemCallError, for example ENODATA when there is none of that name
 */
export function lremovexattr(path: string, name: string): void {
  const c = libc();
  const syscall = "lremovexattr";
  checkResult(c.lremovexattr(c.path.set(path, syscall), c.name.set(name, syscall)), syscall, path);
}
