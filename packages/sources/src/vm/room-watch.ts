/** Sees to it that a capture ends before the disk is full that overlays grow on: the guest's writes would fail. */
import { statfs } from "node:fs/promises";
import { sourcesError } from "../errors.ts";
import { requireRoom } from "../host/room.ts";

/** What stays free. A guest that writes 400 MB a second does not use it up between two looks. */
const RESERVE_BYTES = 256 * 1024 * 1024;
const LOOK_MS = 250;

/**
 * @param mostBytes what the overlays may grow to: each byte of a disk is kept once at most
 * @param onFull called once
 * @returns what ends the watch
 * @throws SOURCES_NO_ROOM when there is not twice the reserve, or `mostBytes`
 */
export async function watchRoom(
  folder: string,
  mostBytes: number,
  source: string,
  onFull: (error: Error) => void,
): Promise<() => void> {
  const reserveBytes = Math.min(RESERVE_BYTES, mostBytes / 2);
  await requireRoom(folder, Math.min(2 * RESERVE_BYTES, mostBytes), source);
  const timer = setInterval(() => void look(), LOOK_MS);
  const look = async (): Promise<void> => {
    // A folder that cannot be looked at is nearly as bad; whoever reads the overlay finds out.
    const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: Number.POSITIVE_INFINITY, bsize: 1 }));
    if (bavail * bsize >= reserveBytes) return;
    clearInterval(timer);
    const reason = `the guest has overwritten so much during the capture that ${folder} is nearly full`;
    onFull(sourcesError("SOURCES_NO_ROOM", { source, reason }));
  };
  return () => clearInterval(timer);
}
