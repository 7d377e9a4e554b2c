/**
 * Changes the tags of snapshots. A snapshot's name is the hash of its content, so a changed one is a new one that names its
 * `original`; the old one goes when the new one is stored.
 */
import { isHoldfastError } from "@holdfast/base";
import type { Id } from "../format/id.ts";
import { encodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { heldError, holdsOf, listHolds, type Hold } from "./holds.ts";

/** Either all tags anew, or some more and some less; what is added and removed at once is removed. */
export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly add: readonly string[]; readonly remove: readonly string[] };

/** A snapshot that got other tags, and the one that took its place. */
export interface ChangedSnapshot {
  readonly old: Id;
  readonly new: Id;
}

interface TagOptions {
  readonly signal: AbortSignal;
  /** Called after each change. */
  readonly onChanged?: (changed: ChangedSnapshot) => void;
}

/** The tags after a change: each once, in the order in which they came. */
export function changedTags(tags: readonly string[], change: TagChange): readonly string[] {
  if ("set" in change) return [...new Set(change.set)];
  return [...new Set([...tags, ...change.add])].filter((tag) => !change.remove.includes(tag));
}

/**
 * Gives snapshots other tags; those that have them already stay as they are. Cut off anywhere, each is there in its old form, in
 * its new one, or in both, and running it again finishes. Needs an exclusive lock.
 * @throws ENGINE_HELD when a hold would no longer be for a snapshot after the change, before anything is changed;
 * ENGINE_HOLD_DAMAGED, and what the backend throws
 */
export async function tagSnapshots(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  change: TagChange,
  { signal, onChanged }: TagOptions,
): Promise<void> {
  const holds = await listHolds(repository, { signal });
  const changes = snapshots
    .map((stored) => ({ stored, snapshot: changedForm(stored, change) }))
    .filter(({ stored, snapshot }) => !sameTags(stored.snapshot.tags, snapshot.tags));
  for (const { stored, snapshot } of changes) requireStillHeld(holds, stored, snapshot);
  const present = await formsPresent(repository, signal);
  for (const { stored, snapshot } of changes) {
    const json = encodeSnapshot(snapshot);
    // A run that was cut off has stored it already.
    const id = present.get(textOf(json)) ?? (await repository.saveDocument("snapshot", json, { signal }));
    await removeIfThere(repository, stored.id, signal);
    onChanged?.({ old: stored.id, new: id });
  }
}

function changedForm({ id, snapshot }: StoredSnapshot, change: TagChange): Snapshot {
  return { ...snapshot, tags: changedTags(snapshot.tags, change), original: snapshot.original ?? id };
}

function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, at) => tag === b[at]);
}

/** Nobody gets out of a hold by other tags: whoever may do that may release it, and then it shows. */
function requireStillHeld(holds: readonly Hold[], stored: StoredSnapshot, snapshot: Snapshot): void {
  const left = holdsOf(holds, stored).filter(
    // The id of the new one is not known yet, and no hold can name it.
    (hold) => holdsOf([hold], { id: "" as Id, snapshot }).length === 0,
  );
  if (left.length > 0) throw heldError(stored.id, left);
}

/** What is stored in each snapshot, as text. */
async function formsPresent(repository: Repository, signal: AbortSignal): Promise<Map<string, Id>> {
  const all = await listSnapshots(repository, { signal, onDamaged: () => {} });
  return new Map(all.map(({ id, snapshot }) => [textOf(encodeSnapshot(snapshot)), id]));
}

async function removeIfThere(repository: Repository, id: Id, signal: AbortSignal): Promise<void> {
  try {
    await repository.removeFile("snapshot", id, { signal });
  } catch (error) {
    if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
  }
}

function textOf(json: Uint8Array): string {
  return Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString("utf8");
}
