/** Whether a copy fits. */
import { statfs } from "node:fs/promises";
import { sourcesError } from "../errors.ts";

/** @throws SOURCES_NO_ROOM when the file system of `folder` has less than `bytes` for this process */
export async function requireRoom(folder: string, bytes: number, source: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const reason = `a copy of ${bytes} bytes does not fit into ${folder}, which has ${free} bytes free`;
  throw sourcesError("SOURCES_NO_ROOM", { source, reason });
}
