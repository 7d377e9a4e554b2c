/**
 * What pg_receivewal left in its folder. It makes the file of a segment ahead, full of zeros, and when it was killed in the middle of that
 * it refuses to go on for ever, as the file has another size than a segment.
 */
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { readWalHeader } from "./wal-header.ts";
import { walFileType } from "./wal-names.ts";

const ENDING = ".partial";

/**
 * Gives such files a size with which it goes on: that of a segment, or none where nothing was written into it yet. The name stays, as it
 * says where to go on, and what was written stays.
 * @throws what the file system says
 */
export async function settlePartialSegments(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(ENDING) || walFileType(name.slice(0, -ENDING.length)) !== "segment") continue;
    const path = join(folder, name);
    const sizeBytes = (await readWalHeader(path))?.segmentBytes ?? 0;
    if ((await stat(path)).size !== sizeBytes) await truncate(path, sizeBytes);
  }
}
