/**
 * Stores one remote file so that it is there whole or not at all: write beside the target, flush, give it its name. What need
 * not wait for an answer is sent at once: a small file costs three ways there and back.
 */
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import { temporaryFor } from "../temporary-names.ts";
import { abortable, openedHandle, settledWithin } from "./abortable.ts";
import type { Modes } from "./folders.ts";
import { OPEN, STATUS } from "./protocol/numbers.ts";
import { EXTENSION, type Handle } from "./protocol/sftp-calls.ts";
import { isMissing, isRefusal } from "./sftp-errors.ts";
import { explainedFailure } from "./room.ts";
import type { SftpSession } from "./sftp-session.ts";
import { writeBody } from "./write-body.ts";

/** How long an abort waits for the server to say what became of the file, and to remove what was written. */
const TIDY_MS = 5000;

/** What to store, and where. */
export interface SaveRequest {
  readonly location: string;
  readonly target: string;
  readonly key: FileKey;
  readonly body: ByteSource;
  /** Asked for at the same time as the file is opened. */
  readonly modes: Promise<Modes>;
  readonly ifAbsent: boolean;
}

/**
 * Writes the file; its folder must exist. An abort before the file has its name leaves nothing behind.
 * @returns false when the server has no hard links, so that `ifAbsent` was decided by looking first
 * @throws STORAGE_EXISTS, STORAGE_BODY_SIZE, BodyFailure, and failures of calls as they are
 */
export async function saveFile(session: SftpSession, request: SaveRequest, { signal }: CallOptions): Promise<boolean> {
  const { calls } = session;
  const temporary = temporaryFor(request.target);
  try {
    const opening = calls.open(temporary, OPEN.WRITE | OPEN.CREATE | OPEN.EXCLUSIVE, 0o600);
    const handle = await openedHandle(calls, opening, signal);
    await writeTemporary(session, handle, request, { signal });
    signal.throwIfAborted();
    // From here on the name may be there: an abort waits for the answer as long as it can be expected.
    const naming = request.ifAbsent
      ? publishIfAbsent(session, temporary, request)
      : publish(session, temporary, request);
    return await abortable(naming, signal, TIDY_MS);
  } catch (error) {
    if (isMissing(error)) throw error;
    // Before the removal makes room again.
    const explained = signal.aborted ? error : await explainedFailure(session, request, error);
    // What led here matters more than a temporary file that cannot be removed.
    await settledWithin(calls.remove(temporary), TIDY_MS);
    throw explained;
  }
}

async function writeTemporary(
  session: SftpSession,
  handle: Handle,
  { key, body, modes }: SaveRequest,
  { signal }: CallOptions,
): Promise<void> {
  const { calls } = session;
  let closing: Promise<void> | undefined;
  try {
    const written = await writeBody(session, handle, key, body, { signal });
    const { file: fileMode } = await modes;
    // Requests for one file are served in their order, so nothing here needs to wait for the last write to be answered.
    const mode = calls.setMode(handle, fileMode).catch(tolerateRefusal);
    const flushed = calls.offers(EXTENSION.FSYNC) ? calls.flush(handle).catch(tolerateUnsupported) : undefined;
    closing = calls.closeHandle(handle);
    await abortable(Promise.all([written.settled, mode, flushed, closing]), signal);
  } catch (error) {
    if (closing === undefined) calls.closeHandle(handle).catch(() => {});
    throw error;
  }
}

async function publish({ calls }: SftpSession, temporary: string, { target }: SaveRequest): Promise<boolean> {
  if (calls.offers(EXTENSION.POSIX_RENAME)) {
    await calls.renameOver(temporary, target);
    return true;
  }
  try {
    await calls.rename(temporary, target);
  } catch (error) {
    if (!isRefusal(error, STATUS.FAILURE)) throw error;
    await calls.remove(target);
    await calls.rename(temporary, target);
  }
  return true;
}

/** A hard link never replaces, and the server's file system decides. Where there are none, its plain renaming has to do. */
async function publishIfAbsent(session: SftpSession, temporary: string, request: SaveRequest): Promise<boolean> {
  const { calls } = session;
  if (calls.offers(EXTENSION.HARD_LINK)) {
    try {
      await calls.hardLink(temporary, request.target);
      // The file has its name and stays, whatever becomes of the second link.
      await calls.remove(temporary).catch(() => {});
      return true;
    } catch (error) {
      await refuseExisting(session, request, error);
      if (
        !isRefusal(error, STATUS.FAILURE) &&
        !isRefusal(error, STATUS.UNSUPPORTED) &&
        !isRefusal(error, STATUS.PERMISSION_DENIED)
      ) {
        throw error;
      }
    }
  }
  await refuseExisting(session, request, undefined);
  try {
    await calls.rename(temporary, request.target);
  } catch (error) {
    await refuseExisting(session, request, error);
    throw error;
  }
  return false;
}

/** A server has no number for "it exists", so whether that was the reason has to be looked up. @throws STORAGE_EXISTS */
async function refuseExisting({ calls }: SftpSession, request: SaveRequest, cause: unknown): Promise<void> {
  const isThere = await calls.stat(request.target).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
  if (isThere) throw storageError("STORAGE_EXISTS", { location: request.location, ...request.key }, cause);
}

/** Some servers keep no modes. */
function tolerateRefusal(error: unknown): void {
  if (!isRefusal(error, STATUS.PERMISSION_DENIED) && !isRefusal(error, STATUS.FAILURE)) tolerateUnsupported(error);
}

function tolerateUnsupported(error: unknown): void {
  if (!isRefusal(error, STATUS.UNSUPPORTED)) throw error;
}
