/** What the errors of the operating system mean for a repository in a folder. */
import { type HoldfastError, messageOf, systemCode } from "@holdfast/base";
import { storageError } from "../errors.ts";

/** Where it happened. */
export interface FailurePlace {
  readonly location: string;
  readonly path: string;
}

/** Devices and network shares that may come back, and limits that other work of the machine may have reached. */
const TRANSIENT = new Set([
  "EAGAIN",
  "EBUSY",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EINTR",
  "EIO",
  "EMFILE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "ENOTCONN",
  "EREMOTEIO",
  "ESTALE",
  "ETIMEDOUT",
  "ETXTBSY",
]);

/**
 * Turns a system error into one of ours. `undefined` for all that is not a system error (aborts, errors of a body or of a
 * consumer), which has to pass as it is. `ENOENT` is for the caller to judge, as it knows what was to be there.
 */
export function fromSystemError(error: unknown, { location, path }: FailurePlace): HoldfastError | undefined {
  const code = systemCode(error);
  if (code === undefined) return undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return storageError("STORAGE_FULL", { location }, error);
    case "EACCES":
    case "EPERM":
      return storageError("STORAGE_PERMISSION", { location, path }, error);
    case "EROFS":
      return storageError("STORAGE_READ_ONLY", { location }, error);
    case "ENOENT":
      return storageError("STORAGE_NO_FOLDER", { location }, error);
    case "ENOTDIR":
      return storageError("STORAGE_NOT_A_FOLDER", { location, path }, error);
    default: {
      const row = TRANSIENT.has(code) ? "STORAGE_UNAVAILABLE" : "STORAGE_FAILED";
      return storageError(row, { location, path, reason: messageOf(error) }, error);
    }
  }
}

/** True for a call that the file system does not have (`fsync`, `chmod` or hard links on some shares and USB disks). */
export function isUnsupportedCall(error: unknown): boolean {
  const code = systemCode(error);
  return code === "EINVAL" || code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOSYS";
}
