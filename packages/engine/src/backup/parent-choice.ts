/** Chooses the snapshots that a backup is compared with: one whose unchanged files it need not read, and one for its size. */
import { messageOf } from "@holdfast/base";
import type { Id } from "../format/id.ts";
import {
  findSnapshot,
  groupKey,
  listSnapshots,
  matches,
  type OnListed,
  type SnapshotFilter,
  type StoredSnapshot,
} from "../repository/snapshots.ts";
import type { Repository } from "../repository/repository.ts";
import type { Problem } from "./messages.ts";
import type { BackupOptions } from "./options.ts";
import { snapshotPaths } from "./save-targets.ts";

/** What was there before a backup. */
export interface EarlierSnapshots {
  /** The snapshot to compare files with; `undefined` for a first or forced backup. */
  readonly parent: StoredSnapshot | undefined;
  /** The snapshot of the same host and paths that the store received last, of those that say how much they hold. */
  readonly comparable: StoredSnapshot | undefined;
  /** Every snapshot that can be read, oldest first. */
  readonly all: readonly StoredSnapshot[];
}

/**
 * Lists what is there. Damaged snapshots are passed over: a backup must not wait until somebody has repaired an old one. `onListed`
 * is called when all are listed; some may still be read then.
 */
export async function lookBack(
  repository: Repository,
  options: BackupOptions,
  { onProblem, onListed }: { onProblem: (problem: Problem) => void; onListed?: OnListed },
): Promise<EarlierSnapshots> {
  const { parent, signal } = options;
  const arrivals = new Map<Id, number>();
  const all = await listSnapshots(repository, {
    signal,
    onListed,
    onDamaged: (id, error) => onProblem({ code: "parent-tree", path: `snapshot ${id}`, reason: messageOf(error) }),
    onFile: ({ id, receivedAtMs }) => receivedAtMs !== undefined && arrivals.set(id, receivedAtMs),
  });
  const named = parent.kind === "id";
  return {
    parent: named ? (await findSnapshot(repository, parent.text, { signal })).stored : chooseParent(all, options),
    comparable: chooseComparable(all, arrivals, options),
    all,
  };
}

/**
 * The newest snapshot that has the same host, all of these paths, or all of these tags, as the grouping asks (restic's rule),
 * and is not newer than this one.
 */
function chooseParent(all: readonly StoredSnapshot[], options: BackupOptions): StoredSnapshot | undefined {
  const { parent, timeNs: before } = options;
  if (parent.kind !== "auto") return undefined;
  const filter: SnapshotFilter = {
    ...(parent.groupBy.includes("host") ? { hosts: [options.hostname] } : {}),
    ...(parent.groupBy.includes("paths") ? { paths: snapshotPaths(options) } : {}),
    ...(parent.groupBy.includes("tags") && options.tags.length > 0 ? { tags: [options.tags] } : {}),
  };
  return all.findLast(
    ({ snapshot }) => matches(snapshot, filter) && (before === undefined || snapshot.timeNs <= before),
  );
}

/** What tells the source of this backup from others: host and paths. */
export function sourceKey(options: BackupOptions): string {
  const identity = { hostname: options.hostname, paths: snapshotPaths(options), tags: [] };
  return groupKey(identity, ["host", "paths"]);
}

/** When it arrived counts, where the store says so: a snapshot may claim any time. */
function chooseComparable(
  all: readonly StoredSnapshot[],
  arrivals: ReadonlyMap<Id, number>,
  options: BackupOptions,
): StoredSnapshot | undefined {
  const key = sourceKey(options);
  const arrivedMs = ({ id, snapshot }: StoredSnapshot): number =>
    arrivals.get(id) ?? Number(snapshot.timeNs / 1_000_000n);
  return all
    .filter(({ snapshot }) => snapshot.summary !== undefined && groupKey(snapshot, ["host", "paths"]) === key)
    .reduce<StoredSnapshot | undefined>(
      (last, each) => (last === undefined || arrivedMs(each) >= arrivedMs(last) ? each : last),
      undefined,
    );
}
