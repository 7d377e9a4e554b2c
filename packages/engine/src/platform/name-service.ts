/** Names and numbers of users and groups as the system's name service gives them: /etc/passwd, LDAP, SSSD, systemd. */
import { Buffer } from "node:buffer";
import { constants } from "node:os";
import { nativeMemory } from "./ffi.ts";
import { CStringBuffer, libcFunctions, SystemCallError } from "./libc.ts";

const FIRST_BYTES = 4096;
// Groups are returned with all their members, so large ones need large buffers.
const MAX_BYTES = 16 * 1024 * 1024;
const { ERANGE, ENOENT, ESRCH, EBADF, EPERM } = constants.errno;
// POSIX leaves open which of these an unknown name gives; all of them mean "none" (getpwnam(3)).
const UNKNOWN = new Set([0, ENOENT, ESRCH, EBADF, EPERM]);

// Both struct passwd and struct group begin: char *name; char *password; uint32_t id.
const NAME_AT = 0;
const ID_AT = 16;
const STRUCT_BYTES = 64;

function open() {
  return {
    ...libcFunctions({
      getpwuid_r: { arguments: ["uint32", "buffer", "buffer", "uint64", "buffer"], return: "int32" },
      getgrgid_r: { arguments: ["uint32", "buffer", "buffer", "uint64", "buffer"], return: "int32" },
      getpwnam_r: { arguments: ["buffer", "buffer", "buffer", "uint64", "buffer"], return: "int32" },
      getgrnam_r: { arguments: ["buffer", "buffer", "buffer", "uint64", "buffer"], return: "int32" },
    }),
    name: new CStringBuffer(),
  };
}

let opened: ReturnType<typeof open> | undefined;
const libc = (): ReturnType<typeof open> => (opened ??= open());

interface Entry {
  readonly name: string;
  readonly id: number;
}

type Call = (entry: Buffer, strings: Buffer, size: bigint, result: Buffer) => number;

/** The name of a user, `undefined` when it has none. @throws SystemCallError when the name service fails */
export function userNameOf(uid: number): string | undefined {
  return find("getpwuid_r", (...rest) => libc().getpwuid_r(uid, ...rest))?.name;
}

/** The name of a group, `undefined` when it has none. @throws SystemCallError when the name service fails */
export function groupNameOf(gid: number): string | undefined {
  return find("getgrgid_r", (...rest) => libc().getgrgid_r(gid, ...rest))?.name;
}

/** The number of a user, `undefined` when there is none. @throws SystemCallError when the name service fails */
export function userIdOf(name: string): number | undefined {
  return find("getpwnam_r", (...rest) => libc().getpwnam_r(libc().name.set(name, "getpwnam_r"), ...rest))?.id;
}

/** The number of a group, `undefined` when there is none. @throws SystemCallError when the name service fails */
export function groupIdOf(name: string): number | undefined {
  return find("getgrnam_r", (...rest) => libc().getgrnam_r(libc().name.set(name, "getgrnam_r"), ...rest))?.id;
}

function find(syscall: string, call: Call): Entry | undefined {
  for (let size = FIRST_BYTES; ; size *= 4) {
    const entry = Buffer.alloc(STRUCT_BYTES);
    const strings = Buffer.allocUnsafeSlow(size);
    const result = Buffer.alloc(8);
    const error = call(entry, strings, BigInt(size), result);
    if (error === ERANGE && size < MAX_BYTES) continue;
    if (!UNKNOWN.has(error)) throw new SystemCallError(syscall, error);
    if (error !== 0 || result.readBigUInt64LE() === 0n) return undefined;
    const at = Number(entry.readBigUInt64LE(NAME_AT) - nativeMemory().getRawPointer(strings));
    return { name: strings.toString("utf8", at, strings.indexOf(0, at)), id: entry.readUInt32LE(ID_AT) };
  }
}
