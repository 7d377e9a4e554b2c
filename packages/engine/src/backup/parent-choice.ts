/** Chooses the snapshot that a backup compares with. */
import { messageOf } from "@holdfast/base";
import { findSnapshot, listSnapshots, sameGroup, type StoredSnapshot } from "../repository/snapshots.ts";
import type { Repository } from "../repository/repository.ts";
import type { Problem } from "./messages.ts";
import type { BackupOptions } from "./options.ts";
import { snapshotPaths } from "./save-targets.ts";

/**
 * The newest snapshot of the same group that is not newer than this one; `undefined` for a first or forced backup. Damaged
 * snapshots are passed over: a parent saves time, and a backup must not wait until somebody has repaired an old one.
 */
export async function chooseParent(
  repository: Repository,
  options: BackupOptions,
  onProblem: (problem: Problem) => void,
): Promise<StoredSnapshot | undefined> {
  const { parent, signal } = options;
  if (parent.kind === "none" || options.stdin !== undefined) return undefined;
  if (parent.kind === "id") return (await findSnapshot(repository, parent.text, { signal })).stored;
  const own = { hostname: options.hostname, paths: snapshotPaths(options), tags: options.tags };
  const before = options.timeNs;
  const candidates = await listSnapshots(repository, {
    signal,
    onDamaged: (id, error) => onProblem({ code: "parent-tree", path: `snapshot ${id}`, reason: messageOf(error) }),
  });
  return candidates.findLast(
    ({ snapshot }) => sameGroup(snapshot, own, parent.groupBy) && (before === undefined || snapshot.timeNs <= before),
  );
}
