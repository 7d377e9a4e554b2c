/**
 * Stores one file so that it is there whole or not at all, also after a power cut: write beside the target, flush, give it its
 * name, flush the folder.
 */
import { constants } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "@holdfast/base";
import type { ByteSource, CallOptions, FileKey } from "../backend.ts";
import { storageError } from "../errors.ts";
import type { FileCalls } from "./file-calls.ts";
import { isUnsupportedCall } from "./system-errors.ts";
import { temporaryFor } from "../temporary-names.ts";
import { writeBody } from "./write-body.ts";

/** What to store, and where. `fileMode` is the mode of the finished file. */
export interface SaveRequest {
  readonly location: string;
  readonly target: string;
  readonly key: FileKey;
  readonly body: ByteSource;
  readonly fileMode: number;
  readonly ifAbsent: boolean;
}

/**
 * Writes the file; its folder must exist. An abort before the file has its name leaves nothing behind.
 * @returns false when the file system has no hard links, so that `ifAbsent` was decided by looking first
 * @throws STORAGE_EXISTS, STORAGE_BODY_SIZE, and system errors as they are
 */
export async function saveFile(calls: FileCalls, request: SaveRequest, { signal }: CallOptions): Promise<boolean> {
  const { target } = request;
  const temporary = temporaryFor(target);
  let isAtomic = true;
  const fd = await calls.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeTemporary(calls, fd, request, { signal });
    signal.throwIfAborted();
    if (request.ifAbsent) isAtomic = await publishIfAbsent(calls, temporary, request);
    else await calls.rename(temporary, target);
  } catch (error) {
    // What led here matters more than a temporary file that cannot be removed; `removeStaleTemporaries` finds it later.
    await calls.unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(calls, dirname(target));
  return isAtomic;
}

/** Makes the names in a folder durable, where the file system can. */
export async function syncFolder(calls: FileCalls, folder: string): Promise<void> {
  const fd = await calls.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await calls.fsync(fd).catch(tolerateUnsupported);
  } finally {
    calls.closeReader(fd);
  }
}

async function writeTemporary(calls: FileCalls, fd: number, request: SaveRequest, options: CallOptions): Promise<void> {
  let isWritten = false;
  try {
    await writeBody(calls, fd, request.key, request.body, options);
    // Before the flush, so that the mode is durable too. Some shares and USB disks know no modes and refuse with EPERM.
    await calls.fchmod(fd, request.fileMode).catch((error: unknown) => {
      if (systemCode(error) !== "EPERM") tolerateUnsupported(error);
    });
    await calls.fsync(fd).catch(tolerateUnsupported);
    isWritten = true;
  } finally {
    // Network shares report a full disk as late as in close, so its error counts; after a failure the first error does.
    const closing = calls.close(fd);
    await (isWritten ? closing : closing.catch(() => {}));
  }
}

/** A hard link never replaces, and the file system decides. Where there are none (exFAT, some shares), look and rename. */
async function publishIfAbsent(calls: FileCalls, temporary: string, request: SaveRequest): Promise<boolean> {
  try {
    try {
      await calls.link(temporary, request.target);
    } catch (error) {
      const code = systemCode(error);
      if (code !== "EPERM" && code !== "EMLINK" && !isUnsupportedCall(error)) throw error;
      calls.renameIfAbsent(temporary, request.target);
      return false;
    }
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    throw storageError("STORAGE_EXISTS", { location: request.location, ...request.key }, error);
  }
  // The file has its name and stays, whatever becomes of the second link.
  await calls.unlink(temporary).catch(() => {});
  return true;
}

function tolerateUnsupported(error: unknown): void {
  if (!isUnsupportedCall(error)) throw error;
}
