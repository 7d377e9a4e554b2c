/** What is behind a refusal to write: a server says only "failure" when its disk is full or read-only. */
import { storageError } from "../errors.ts";
import { STATUS } from "./protocol/numbers.ts";
import { EXTENSION } from "./protocol/sftp-calls.ts";
import { isRefusal } from "./sftp-errors.ts";
import type { SftpSession } from "./sftp-session.ts";

/** A file system keeps a few blocks that nobody can use. */
const NO_ROOM_BYTES = 1024 * 1024;

/**
 * STORAGE_FULL or STORAGE_READ_ONLY when the server tells so, otherwise the error as it is.
 * @param target what was to be written
 */
export async function explainedFailure(
  { calls }: SftpSession,
  { location, target }: { readonly location: string; readonly target: string },
  error: unknown,
): Promise<unknown> {
  if (!isRefusal(error, STATUS.FAILURE) || !calls.offers(EXTENSION.ROOM)) return error;
  const folder = target.slice(0, Math.max(1, target.lastIndexOf("/")));
  const room = await calls.room(folder).catch(() => undefined);
  if (room === undefined) return error;
  if (room.isReadOnly) return storageError("STORAGE_READ_ONLY", { location }, error);
  const isFull = room.freeBytes < NO_ROOM_BYTES || room.freeFiles === 0;
  return isFull ? storageError("STORAGE_FULL", { location }, error) : error;
}
