/**
 * Holds keep snapshots: neither a policy nor a name on the command line removes what one is for, and forgotten snapshots do not
 * expire under one. They lie in the repository, so that every client of Holdfast honours them.
 */
import { isHoldfastError, mapConcurrent, messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { decodeHold, encodeHold, type HoldFields, type HoldSelector } from "../format/hold.ts";
import type { Id } from "../format/id.ts";
import { matches, type StoredSnapshot } from "../repository/snapshots.ts";
import type { Repository } from "../repository/repository.ts";

/** A hold that is in force. */
export interface Hold extends HoldFields {
  readonly id: Id;
}

interface CallOptions {
  readonly signal: AbortSignal;
}

interface ListOptions extends CallOptions {
  /** Called for a hold that cannot be read; without it the error is thrown. */
  readonly onDamaged?: (id: Id, error: unknown) => void;
}

/** The tag that keeps a snapshot as a hold does, but without further ado. */
export const PINNED_TAG = "pinned";

const PARALLEL_LOADS = 8;

/**
 * Every hold, oldest first.
 * @throws ENGINE_HOLD_DAMAGED without `onDamaged`: what cannot be read may hold anything, so nothing must be removed then
 */
export async function listHolds(repository: Repository, { signal, onDamaged }: ListOptions): Promise<Hold[]> {
  const load = async ({ id }: { id: Id }, inner: AbortSignal): Promise<Hold | undefined> => {
    try {
      return { id, ...decodeHold(await repository.loadDocument("hold", id, { signal: inner }), `hold ${id}`) };
    } catch (error) {
      if (!isHoldfastError(error) || inner.aborted) throw error;
      // Released by another client between the listing and the reading.
      if (error.kind === "not-found") return undefined;
      if (error.kind !== "corrupt") throw error;
      if (onDamaged === undefined) throw engineError("ENGINE_HOLD_DAMAGED", { id, reason: messageOf(error) }, error);
      onDamaged(id, error);
      return undefined;
    }
  };
  const found = await mapConcurrent(repository.files("hold", { signal }), PARALLEL_LOADS, load, { signal });
  return found
    .filter((hold) => hold !== undefined)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
}

/** Puts a hold in force from the moment this resolves. Needs a shared lock, so that nothing is being removed meanwhile. */
export async function addHold(repository: Repository, fields: HoldFields, { signal }: CallOptions): Promise<Hold> {
  const id = await repository.saveDocument("hold", encodeHold(fields), { signal });
  return { id, ...fields };
}

/** Ends a hold; also one that cannot be read. @throws STORAGE_NOT_FOUND */
export async function releaseHold(repository: Repository, id: Id, { signal }: CallOptions): Promise<void> {
  await repository.removeFile("hold", id, { signal });
}

/** Those of the holds that are for this snapshot. */
export function holdsOf(holds: readonly Hold[], stored: StoredSnapshot): Hold[] {
  return holds.filter(({ selector }) => isSelected(selector, stored));
}

/** The error for a snapshot that is to be removed or changed although it is held. */
export function heldError(snapshot: Id, held: readonly Hold[]): Error {
  return engineError("ENGINE_HELD", { snapshot, holds: held.map(describeHold), id: held[0]?.id });
}

/** `3f4a… (reason, by owner, review 2027-01-31)`. */
function describeHold({ id, reason, owner, reviewOn }: Hold): string {
  return `${id.slice(0, 8)} ("${reason}", by ${owner}, review on ${reviewOn})`;
}

function isSelected({ ids, fromNs, toNs, ...filter }: HoldSelector, { id, snapshot }: StoredSnapshot): boolean {
  if (ids !== undefined && !ids.some((held) => held === id || held === snapshot.original)) return false;
  if (fromNs !== undefined && snapshot.timeNs < fromNs) return false;
  if (toNs !== undefined && snapshot.timeNs > toNs) return false;
  return matches(snapshot, filter);
}
