/**
 * Calls into the system's C library: what all of them need, namely C strings, `errno`, and errors like those of
 * `node:fs`.
 */
import { Buffer } from "node:buffer";
import type { FunctionDefinitions } from "node:ffi";
import { constants } from "node:os";
import { getSystemErrorMessage } from "node:util";
import { messageOf, systemCode } from "@holdfast/base";
import { displayPath, fsPath } from "../filesystem/path-bytes.ts";
import { nativeMemory, processFunctions } from "./ffi.ts";

/** The directory argument that means the working directory. */
export const AT_FDCWD = -100;

/** A call that the system refused, with the same properties as errors of `node:fs`. */
export class SystemCallError extends Error {
  /** Name of the error, for example `EPERM`. */
  readonly code: string;
  /** Its number, negative as in `node:fs`. */
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, number: number, path?: string) {
    const code = CODES.get(number) ?? `E${number}`;
    const where = path === undefined ? "" : ` '${displayPath(path)}'`;
    super(`${code}: ${messageOfErrno(-number)}, ${syscall}${where}`);
    this.name = "SystemCallError";
    this.code = code;
    this.errno = -number;
    this.syscall = syscall;
  }
}

/**
 * What a refused call of libc or `node:fs` says, without naming the call and the path: `EPERM: operation not
 * permitted`.
 */
export function systemReason(error: unknown): string {
  const code = systemCode(error);
  const number = code === undefined ? undefined : (error as NodeJS.ErrnoException).errno;
  return number === undefined ? messageOf(error) : `${code}: ${messageOfErrno(number)}`;
}

function messageOfErrno(number: number): string {
  // Node words this one for sockets only.
  if (number === -constants.errno.ENOTSUP) return "operation not supported";
  return getSystemErrorMessage(number) ?? "unknown error";
}

// Some numbers have two names; the first one is the usual one, except that EOPNOTSUPP is what Linux calls ENOTSUP.
const CODES = new Map(
  Object.entries(constants.errno)
    .map(([name, number]) => [number, name] as const)
    .toReversed(),
);
CODES.set(constants.errno.ENOTSUP, "ENOTSUP");

let errnoAddress: bigint | undefined;

/**
 * Functions of libc by their C names, with `errno` ready to be read after them.
 *
 * @throws ENGINE_NO_FFI
 */
export function libcFunctions<const T extends FunctionDefinitions>(
  definitions: T,
): ReturnType<typeof processFunctions<T>> {
  // Looked up now: doing so after a failure would change what it says. The address is that of this thread's errno.
  errnoAddress ??= processFunctions({ __errno_location: { arguments: [], return: "pointer" } }).__errno_location();
  return processFunctions(definitions);
}

/** `errno` of this thread. Read it right after the call, before anything else can call into the system. */
export function lastErrno(): number {
  if (errnoAddress === undefined) throw new Error("errno is read before any call");
  return nativeMemory().getInt32(errnoAddress);
}

/** Throws what `errno` says when a call returned a negative value. */
export function checkResult(result: number | bigint, syscall: string, path?: string): void {
  if (result < 0) throw new SystemCallError(syscall, lastErrno(), path);
}

/** Memory for C strings that is used again and again. The text of the last call is in it. */
export class CStringBuffer {
  #bytes = Buffer.allocUnsafeSlow(4096);

  /**
   * The bytes of a name or path with a NUL behind them, until the next call.
   *
   * @throws SystemCallError EINVAL when it contains a NUL, which would cut it; ENGINE_INVALID_PATH
   */
  set(text: string, syscall: string): Buffer {
    if (text.includes("\0")) throw new SystemCallError(syscall, constants.errno.EINVAL, text);
    if (this.#bytes.length <= text.length * 3) this.#bytes = Buffer.allocUnsafeSlow(text.length * 3 + 1);
    const plain = fsPath(text);
    const length = typeof plain === "string" ? this.#bytes.write(plain, 0, "utf8") : plain.copy(this.#bytes);
    this.#bytes[length] = 0;
    return this.#bytes;
  }
}
