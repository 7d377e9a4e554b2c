/** Writes what a command made to a file that the user named. */
import { type FileHandle, open, unlink } from "node:fs/promises";
import { messageOf } from "@holdfast/base";
import { fsPath } from "@holdfast/engine";
import { cliError } from "../errors.ts";

/**
 * Replaces the file's content. When that fails half-way, a regular file is removed: nobody shall take a part for the whole.
 * @throws CLI_WRITE_FAILED for the file; what `pieces` throws as it is
 */
export async function writeGivenFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await attempt(path, () => open(fsPath(path), "w"));
  const isRegular = await file.stat().then((facts) => facts.isFile());
  try {
    for await (const piece of pieces) await attempt(path, () => writeAll(file, piece));
    // A pipe or a device cannot be flushed.
    if (isRegular) await attempt(path, () => file.sync());
  } catch (error) {
    await file.close();
    if (isRegular) await unlink(fsPath(path));
    throw error;
  }
  await attempt(path, () => file.close());
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw cliError("CLI_WRITE_FAILED", { path, reason: messageOf(error) }, error);
  }
}
