/** Finds the snapshot, and the place in it, that a command is to show. */
import {
  BlobReader,
  type BlobIndex,
  type PathTarget,
  type StoredSnapshot,
  TreeReader,
  findSnapshot,
  resolvePath,
  withIndexBeside,
} from "@holdfast/engine";
import type { Session } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";
import type { GivenOptions } from "../given-options.ts";

export interface OpenedSnapshot {
  readonly stored: StoredSnapshot;
  readonly index: BlobIndex;
  readonly trees: TreeReader;
  /** What lies at the subfolder; the root without one. */
  readonly place: PathTarget;
  /** The subfolder as it was given; empty without one. */
  readonly subfolder: string;
}

/** @param text `latest`, an id and so on, perhaps with `:subfolder` */
export async function openSnapshot(
  session: Session,
  text: string,
  options: GivenOptions,
  { signal }: { signal: AbortSignal },
): Promise<OpenedSnapshot> {
  const filter = snapshotFilter(options);
  const { found, index } = await withIndexBeside(
    session.repository,
    (onListed, both) => findSnapshot(session.repository, text, { signal: both, filter, onListed }),
    { signal },
  );
  const { stored, subfolder } = found;
  const trees = new TreeReader(new BlobReader(session.repository, index));
  const place = await resolvePath(trees, stored.snapshot.tree, subfolder, { signal });
  return { stored, index, trees, place, subfolder };
}
