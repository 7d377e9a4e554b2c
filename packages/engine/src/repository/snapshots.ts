/** Lists, selects and saves snapshots. */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import type { FileInfo } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot, type SnapshotFields } from "../format/snapshot.ts";
import { findFileId, notFound } from "./find-id.ts";
import type { Repository } from "./repository.ts";

export interface StoredSnapshot {
  readonly id: Id;
  readonly snapshot: Snapshot;
}

/** Each list that is given must be met. `tags`: any of the lists, all tags within one; an empty list means "no tags". */
export interface SnapshotFilter {
  readonly hosts?: readonly string[];
  /** All of these must be among the snapshot's paths. */
  readonly paths?: readonly string[];
  readonly tags?: readonly (readonly string[])[];
}

/** Fields by which snapshots belong together. */
export type SnapshotGrouping = readonly ("host" | "paths" | "tags")[];

interface ListOptions {
  readonly signal: AbortSignal;
  readonly filter?: SnapshotFilter | undefined;
  /** Called for a snapshot file that cannot be read; without it the error is thrown. */
  readonly onDamaged?: (id: Id, error: unknown) => void;
  /** Called for every snapshot file as it is listed, before it is read. */
  readonly onFile?: (file: FileInfo & { readonly id: Id }) => void;
  /** Called with the names of all that may be used, once they are listed; some may still be read then. */
  readonly onListed?: OnListed | undefined;
}

/** Takes the names of snapshots that were just listed. */
export type OnListed = (names: readonly Id[]) => void;

const PARALLEL_LOADS = 8;

/** Every snapshot that meets the filter, oldest first. */
export async function listSnapshots(repository: Repository, options: ListOptions): Promise<StoredSnapshot[]> {
  const { signal, filter, onDamaged, onFile, onListed } = options;
  const found: StoredSnapshot[] = [];
  await forEachConcurrent(
    listed(repository, { signal, onListed }),
    PARALLEL_LOADS,
    async (file, inner) => {
      const { id } = file;
      onFile?.(file);
      try {
        const snapshot = await loadSnapshot(repository, id, inner);
        if (filter === undefined || matches(snapshot, filter)) found.push({ id, snapshot });
      } catch (error) {
        if (!isHoldfastError(error) || inner.aborted) throw error;
        // Forgotten by another client between the listing and the reading.
        if (error.kind === "not-found") return;
        if (onDamaged === undefined || error.kind !== "corrupt") throw error;
        onDamaged(id, error);
      }
    },
    { signal },
  );
  return found.sort((a, b) => compare(a.snapshot.timeNs, b.snapshot.timeNs) || compare(a.id, b.id));
}

async function* listed(
  repository: Repository,
  { signal, onListed }: Pick<ListOptions, "signal" | "onListed">,
): AsyncGenerator<FileInfo & { readonly id: Id }> {
  const names: Id[] = [];
  for await (const file of repository.files("snapshot", { signal })) {
    if (onListed !== undefined) names.push(file.id);
    yield file;
  }
  onListed?.(names);
}

/**
 * Finds one snapshot: `latest`, `latest~N` (the N-th before it), an id or its beginning; each with `:subfolder` behind it.
 * @throws ENGINE_ID_NOT_FOUND, ENGINE_ID_AMBIGUOUS
 */
export async function findSnapshot(
  repository: Repository,
  text: string,
  { signal, filter, onListed }: Pick<ListOptions, "signal" | "filter" | "onListed">,
): Promise<{ stored: StoredSnapshot; subfolder: string }> {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const subfolder = colon < 0 ? "" : text.slice(colon + 1);
  const latest = /^latest(?:~(\d{1,6}))?$/.exec(name);
  if (latest !== null) {
    const all = await listSnapshots(repository, { signal, filter, onListed });
    const stored = all.at(-1 - Number(latest[1] ?? 0));
    if (stored === undefined) throw notFound("snapshot", name);
    return { stored, subfolder };
  }
  const id = await findFileId(repository, "snapshot", name, { signal });
  onListed?.([id]);
  return { stored: { id, snapshot: await loadSnapshot(repository, id, signal) }, subfolder };
}

async function loadSnapshot(repository: Repository, id: Id, signal: AbortSignal): Promise<Snapshot> {
  return decodeSnapshot(await repository.loadDocument("snapshot", id, { signal }), `snapshot ${id}`);
}

export function saveSnapshot(
  repository: Repository,
  snapshot: SnapshotFields,
  { signal }: { signal: AbortSignal },
): Promise<Id> {
  return repository.saveDocument("snapshot", encodeSnapshot(snapshot), { signal });
}

export function matches(snapshot: SnapshotIdentity, { hosts, paths, tags }: SnapshotFilter): boolean {
  if (hosts !== undefined && hosts.length > 0 && !hosts.includes(snapshot.hostname)) return false;
  if (paths?.some((path) => !snapshot.paths.includes(path)) === true) return false;
  if (tags === undefined || tags.length === 0) return true;
  return tags.some((list) =>
    list.length === 0 || (list.length === 1 && list[0] === "")
      ? snapshot.tags.length === 0
      : list.every((tag) => snapshot.tags.includes(tag)),
  );
}

/** What tells snapshots of different sources apart. */
export type SnapshotIdentity = Pick<SnapshotFields, "hostname" | "paths" | "tags">;

/** A text that is equal for snapshots of one group. */
export function groupKey(snapshot: SnapshotIdentity, grouping: SnapshotGrouping): string {
  return JSON.stringify({
    host: grouping.includes("host") ? snapshot.hostname : "",
    paths: grouping.includes("paths") ? [...snapshot.paths].sort() : [],
    tags: grouping.includes("tags") ? [...snapshot.tags].sort() : [],
  });
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
