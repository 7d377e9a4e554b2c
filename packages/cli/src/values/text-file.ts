/** Files that options name: lists of patterns and paths. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { messageOf } from "@holdfast/base";
import { cliError } from "../errors.ts";
import { fsPath } from "@holdfast/engine";

/**
 * The bytes of a file; of standard input for `-`.
 * @param what how messages call it, as in `the file of --exclude-file`
 * @throws CLI_FILE_UNREADABLE
 */
export async function readGivenFile(
  path: string,
  what: string,
  { signal }: { signal: AbortSignal },
): Promise<Uint8Array> {
  try {
    return path === "-" ? await buffer(process.stdin) : await readFile(fsPath(path), { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_FILE_UNREADABLE", { what, path, reason: messageOf(error) }, error);
  }
}
