/** Snapshots that were copied from another repository. */
import type { StoredSnapshot } from "@holdfast/engine";

/**
 * The one that had this id where it was copied from.
 * @param id or its beginning
 * @returns `undefined` when there is none, or it may be one of several
 */
export function copiedFrom(all: readonly StoredSnapshot[], id: string): StoredSnapshot | undefined {
  const copies = all.filter(({ snapshot }) => snapshot.original?.startsWith(id) === true);
  return new Set(copies.map(({ snapshot }) => snapshot.tree)).size === 1 ? copies[0] : undefined;
}
