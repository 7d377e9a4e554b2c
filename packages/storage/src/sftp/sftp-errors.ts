/** What the refusals of an SFTP server, and a channel that ends, mean for a repository. */
import { storageError } from "../errors.ts";
import { STATUS } from "./protocol/numbers.ts";
import { ProtocolBreach } from "./protocol/packets.ts";
import { ChannelLost, RefusedRequest } from "./protocol/sftp-channel.ts";

/** Where it happened. */
export interface FailurePlace {
  readonly location: string;
  readonly path: string;
}

/** True for a refusal with this status. */
export function isRefusal(error: unknown, status: number): boolean {
  return error instanceof RefusedRequest && error.status === status;
}

/** True when what a request named is not there. */
export function isMissing(error: unknown): boolean {
  return isRefusal(error, STATUS.NO_SUCH_FILE);
}

/**
 * Turns a failure of a call into one of our errors; anything else (aborts, errors of a body or of a consumer) passes as it is.
 * A server says `FAILURE` for all that the protocol has no number for. While reading that is mostly a disk or a share that may
 * come back; while writing mostly a quota or a limit, which does not.
 */
export function fromSftpError(error: unknown, { location, path }: FailurePlace, during: "read" | "write"): unknown {
  if (error instanceof ChannelLost)
    return storageError("STORAGE_UNAVAILABLE", { location, reason: error.message }, error);
  if (error instanceof ProtocolBreach)
    return storageError("STORAGE_FAILED", { location, reason: error.message }, error);
  if (!(error instanceof RefusedRequest)) return error;
  switch (error.status) {
    case STATUS.NO_SUCH_FILE:
      return storageError("STORAGE_NO_FOLDER", { location }, error);
    case STATUS.PERMISSION_DENIED:
      return storageError("STORAGE_PERMISSION", { location, path }, error);
    case STATUS.NO_CONNECTION:
    case STATUS.CONNECTION_LOST:
      return storageError("STORAGE_UNAVAILABLE", { location, reason: `the server says: ${said(error)}` }, error);
    default: {
      const reason =
        during === "read"
          ? `the server cannot read ${path}: ${said(error)}`
          : `the server refuses to write ${path}: ${said(error)} (a quota that is used up looks like this too)`;
      return storageError(during === "read" ? "STORAGE_UNAVAILABLE" : "STORAGE_FAILED", { location, reason }, error);
    }
  }
}

/** The server's own words, which are not trusted to be printable. */
function said(error: RefusedRequest): string {
  const words = error.message.replace(/[^\x20-\x7e]+/g, " ").trim();
  return words === "" ? `status ${error.status}` : words;
}
