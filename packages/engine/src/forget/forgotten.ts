/**
 * Forgotten snapshots. Forgetting moves a snapshot's file, byte for byte and under the same name, to a folder that restic does
 * not look into: to restic it is gone, and here it can be brought back as long as `prune` keeps its data.
 */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import { bytesSource, loadBytes, type FileInfo } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import { idOf, type Id } from "../format/id.ts";
import { decodeSnapshot, type Snapshot } from "../format/snapshot.ts";
import { MAX_DOCUMENT_BYTES, type Repository } from "../repository/repository.ts";
import { matches, type SnapshotFilter } from "../repository/snapshots.ts";

/** A snapshot that was forgotten and can be brought back. */
export interface ForgottenSnapshot {
  readonly id: Id;
  readonly snapshot: Snapshot;
  /** When it was forgotten: when the store received the file. Milliseconds since 1970; `undefined` where the store cannot tell. */
  readonly forgottenAtMs: number | undefined;
}

interface ListOptions {
  readonly signal: AbortSignal;
  readonly filter?: SnapshotFilter | undefined;
  /** Called for a file that cannot be read; without it the error is thrown. */
  readonly onDamaged?: (id: Id, error: unknown) => void;
}

const PARALLEL_CALLS = 8;

/**
 * Every forgotten snapshot that meets the filter, oldest first. One that is among the snapshots as well is none: a run was cut off while it moved the
 * file, in either direction.
 */
export async function listForgotten(
  repository: Repository,
  { signal, filter, onDamaged }: ListOptions,
): Promise<ForgottenSnapshot[]> {
  const live = new Set<Id>();
  for await (const { id } of repository.files("snapshot", { signal })) live.add(id);
  const found: ForgottenSnapshot[] = [];
  const load = async ({ id, receivedAtMs }: FileInfo & { id: Id }, inner: AbortSignal): Promise<void> => {
    if (live.has(id)) return;
    try {
      const json = await repository.loadDocument("forgotten", id, { signal: inner });
      const snapshot = decodeSnapshot(json, `forgotten snapshot ${id}`);
      if (filter === undefined || matches(snapshot, filter)) found.push({ id, snapshot, forgottenAtMs: receivedAtMs });
    } catch (error) {
      if (!isHoldfastError(error) || inner.aborted) throw error;
      // Brought back, or expired, between the listing and the reading.
      if (error.kind === "not-found") return;
      if (onDamaged === undefined || error.kind !== "corrupt") throw error;
      onDamaged(id, error);
    }
  };
  await forEachConcurrent(repository.files("forgotten", { signal }), PARALLEL_CALLS, load, { signal });
  return found.sort((a, b) =>
    a.snapshot.timeNs === b.snapshot.timeNs ? (a.id < b.id ? -1 : 1) : a.snapshot.timeNs < b.snapshot.timeNs ? -1 : 1,
  );
}

interface ForgetOptions {
  readonly signal: AbortSignal;
  /** All were read under this very lock: they need not be read again where nothing but their folder changes. */
  readonly areRead?: boolean;
  /** Called after each. */
  readonly onForgotten?: (id: Id, done: number) => void;
}

/**
 * Forgets snapshots. Where the store can move files, they are moved. Elsewhere each is copied, the copy is read back, and only
 * then the snapshot is removed. Cut off anywhere, every one of them is a snapshot or can be brought back, and running it again
 * finishes. Needs an exclusive lock. Holds and floors are the caller's matter. A snapshot that is gone already is passed over.
 * @throws ENGINE_WRONG_HASH for a snapshot that is damaged, ENGINE_COPY_DIFFERS, and what the backend throws
 */
export async function forgetSnapshots(
  repository: Repository,
  ids: readonly Id[],
  { signal, areRead = false, onForgotten }: ForgetOptions,
): Promise<void> {
  let done = 0;
  const tell = (id: Id): void => onForgotten?.(id, ++done);
  const left = await moveIfPossible(repository, [...new Set(ids)], { signal, areRead, onMoved: tell });
  const forget = async (id: Id, inner: AbortSignal): Promise<void> => {
    const bytes = await loadIfThere(repository, "snapshot", id, inner);
    if (bytes !== undefined) {
      // Also over a copy that is there already: the time of the file is the beginning of the grace period.
      await saveCopy(repository, "forgotten", id, bytes, inner);
      await removeIfThere(repository, "snapshot", id, inner);
    }
    tell(id);
  };
  await forEachConcurrent(left, PARALLEL_CALLS, forget, { signal });
}

/** Moves what the store can move, once all of it is known to be whole. @returns the rest */
async function moveIfPossible(
  repository: Repository,
  ids: readonly Id[],
  { signal, areRead, onMoved }: { signal: AbortSignal; areRead: boolean; onMoved: (id: Id) => void },
): Promise<readonly Id[]> {
  const { backend } = repository;
  if (backend.move === undefined) return ids;
  const look = async (id: Id, inner: AbortSignal): Promise<void> =>
    void (await loadIfThere(repository, "snapshot", id, inner));
  if (!areRead) await forEachConcurrent(ids, PARALLEL_CALLS, look, { signal });
  const left = await backend.move("snapshot", "forgotten", ids, { signal, onMoved: (name) => onMoved(name as Id) });
  return left as Id[];
}

/**
 * Brings forgotten snapshots back under the same ids: the file is copied, read back, and only then removed among the forgotten.
 * Whether the repository still has all their data is not looked at; `findLosses` does that, and should come first. Needs a
 * shared lock at least. One that is a snapshot already, and whole, only loses its forgotten copy.
 * @throws ENGINE_NOT_FORGOTTEN for an id that is neither, ENGINE_WRONG_HASH, ENGINE_COPY_DIFFERS, and what the backend throws
 */
export async function unforgetSnapshots(
  repository: Repository,
  ids: readonly Id[],
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const bringBack = async (id: Id, inner: AbortSignal): Promise<void> => {
    // A snapshot of that name which is damaged is replaced: the forgotten copy may be the only good one.
    if ((await goodBytes(repository, "snapshot", id, inner)) === undefined) {
      const bytes = await loadIfThere(repository, "forgotten", id, inner);
      if (bytes === undefined) throw engineError("ENGINE_NOT_FORGOTTEN", { text: id });
      await saveCopy(repository, "snapshot", id, bytes, inner);
    }
    await removeIfThere(repository, "forgotten", id, inner);
  };
  await forEachConcurrent(new Set(ids), PARALLEL_CALLS, bringBack, { signal });
}

/**
 * Gives forgotten snapshots up, also those that cannot be read: they cannot be brought back, and the next prune frees their
 * data. Needs an exclusive lock. Holds are the caller's matter.
 * @throws what the backend throws
 */
export async function giveUpForgotten(
  repository: Repository,
  ids: readonly Id[],
  { signal }: { signal: AbortSignal },
): Promise<void> {
  for (const id of new Set(ids)) await removeIfThere(repository, "forgotten", id, signal);
}

type SnapshotType = "snapshot" | "forgotten";

/** The file's bytes, checked against its name; `undefined` when there is none. */
async function loadIfThere(
  repository: Repository,
  type: SnapshotType,
  id: Id,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    const key = { type, name: id };
    const bytes = await loadBytes(repository.backend, key, undefined, { signal, maxBytes: MAX_DOCUMENT_BYTES });
    if (idOf(bytes) !== id) throw engineError("ENGINE_WRONG_HASH", { what: `${type} ${id}` });
    return bytes;
  } catch (error) {
    if (isHoldfastError(error, "STORAGE_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** Stores a copy and reads it back: what it is made of is removed next, so a store that lies must be found out before. */
async function saveCopy(
  repository: Repository,
  type: SnapshotType,
  id: Id,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await repository.backend.save({ type, name: id }, bytesSource(bytes), { signal });
  if ((await goodBytes(repository, type, id, signal)) === undefined) {
    throw engineError("ENGINE_COPY_DIFFERS", { type, id });
  }
}

/** As `loadIfThere`; `undefined` also for a file that is damaged. */
async function goodBytes(
  repository: Repository,
  type: SnapshotType,
  id: Id,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return await loadIfThere(repository, type, id, signal);
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_WRONG_HASH")) return undefined;
    throw error;
  }
}

async function removeIfThere(repository: Repository, type: SnapshotType, id: Id, signal: AbortSignal): Promise<void> {
  try {
    await repository.removeFile(type, id, { signal });
  } catch (error) {
    if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
  }
}
