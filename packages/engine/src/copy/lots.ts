/** Copies many snapshots in few lots: each lot reads a pack once, and what is complete is there for use before all of it is. */
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** What the snapshots of a lot have added to the source, by their own word, before the next lot begins. */
const LOT_BYTES = 32 * 1024 ** 3;
/** For a snapshot that does not say what it added. */
const UNKNOWN_BYTES = 1024 ** 3;

/** The snapshots in their order, cut into lots. */
export function* lotsOf(
  snapshots: readonly StoredSnapshot[],
  { lotBytes = LOT_BYTES }: { lotBytes?: number } = {},
): Generator<StoredSnapshot[]> {
  let lot: StoredSnapshot[] = [];
  let bytes = 0;
  for (const stored of snapshots) {
    lot.push(stored);
    bytes += stored.snapshot.summary?.dataAddedPacked ?? UNKNOWN_BYTES;
    if (bytes < lotBytes) continue;
    yield lot;
    lot = [];
    bytes = 0;
  }
  if (lot.length > 0) yield lot;
}
