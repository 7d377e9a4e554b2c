/** Which snapshots a repair must not remove, whatever it was told: those that are held or pinned. */
import { type Hold, PINNED_TAG, holdsOf, listHolds } from "../forget/holds.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import type { DamagedFile } from "./index-files.ts";

/** A snapshot that stays, and why. */
export interface KeptSnapshot {
  readonly id: Id;
  /** The holds that are for it. For a snapshot that cannot be read, all that may be: nobody knows whether they are. */
  readonly holds: readonly Hold[];
  readonly isPinned: boolean;
  readonly isReadable: boolean;
}

/** The part of a plan of `repair-snapshots.ts` that says what may go. */
interface Removals {
  readonly broken: readonly { readonly stored: StoredSnapshot; readonly newTree: Id | undefined }[];
  readonly unreadable: readonly DamagedFile[];
  readonly state: { readonly snapshots: readonly StoredSnapshot[] };
}

/**
 * Those that the plan would remove, if it may remove what it replaces and what cannot be read, but that are held or pinned.
 * @throws ENGINE_HOLD_DAMAGED, and what the backend throws
 */
export async function keptSnapshots(
  repository: Repository,
  { broken, unreadable, state }: Removals,
  { signal }: { signal: AbortSignal },
): Promise<KeptSnapshot[]> {
  // What turns out to be whole after all is not replaced.
  const lossy = broken.filter(({ stored, newTree }) => newTree !== stored.snapshot.tree);
  if (lossy.length + unreadable.length === 0) return [];
  const holds = await listHolds(repository, { signal });
  const replaced = lossy.map(({ stored }): KeptSnapshot => {
    const isPinned = stored.snapshot.tags.includes(PINNED_TAG);
    return { id: stored.id, holds: holdsOf(holds, stored), isPinned, isReadable: true };
  });
  const unknown = unreadable.map(({ id }): KeptSnapshot => {
    const possible = holds.filter((hold) => mayBeFor(hold, id, state.snapshots));
    return { id, holds: possible, isPinned: false, isReadable: false };
  });
  return [...replaced, ...unknown].filter((each) => each.holds.length > 0 || each.isPinned);
}

/** Whether a hold could be for a snapshot of which nothing but the id is known. */
function mayBeFor({ selector }: Hold, id: Id, readable: readonly StoredSnapshot[]): boolean {
  const { ids } = selector;
  if (ids === undefined || ids.includes(id)) return true;
  // It may be what a held snapshot became when its tags were changed, unless each that is held is still to be seen.
  return !ids.every((held) => readable.some(({ id: other, snapshot }) => held === other || held === snapshot.original));
}
