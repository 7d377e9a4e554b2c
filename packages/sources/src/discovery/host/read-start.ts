/**
 * Reads from files of others: never through a link, never a pipe or device, never more than asked, and without a new access time
 * where the system lets us.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { fsPath } from "@holdfast/engine";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const O_NOATIME = constants.O_NOATIME ?? 0;

/**
 * The first bytes of a regular file, into `buffer`; how many there were. 0 for what is no regular file.
 * @throws what `node:fs` throws, for example EACCES
 */
export function readStart(path: string, buffer: Uint8Array): number {
  const file = open(path);
  try {
    if (!fstatSync(file).isFile()) return 0;
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(file, buffer, length, buffer.length - length, length);
      if (read === 0) break;
      length += read;
    }
    return length;
  } finally {
    closeSync(file);
  }
}

/** The text of a small file; `undefined` when it cannot be read. What is longer than `most` bytes is cut there. */
export function textOf(path: string, most = 256 * 1024): string | undefined {
  const buffer = Buffer.allocUnsafe(most);
  try {
    return buffer.toString("utf8", 0, readStart(path, buffer));
  } catch {
    return undefined;
  }
}

function open(path: string): number {
  const target = fsPath(path);
  try {
    return openSync(target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME);
  } catch (error) {
    // Only the owner of a file, and root, may ask for no access time.
    if (systemCode(error) !== "EPERM") throw error;
    return openSync(target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }
}
