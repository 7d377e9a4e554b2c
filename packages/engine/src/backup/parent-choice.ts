/** Chooses the snapshot that a backup compares with. */
import { messageOf } from "@holdfast/base";
import {
  findSnapshot,
  listSnapshots,
  matches,
  type SnapshotFilter,
  type StoredSnapshot,
} from "../repository/snapshots.ts";
import type { Repository } from "../repository/repository.ts";
import type { Problem } from "./messages.ts";
import type { BackupOptions } from "./options.ts";
import { snapshotPaths } from "./save-targets.ts";

/**
 * The newest snapshot that has the same host, all of these paths, or all of these tags, as the grouping asks (restic's rule),
 * and is not newer than this one; `undefined` for a first or forced backup. Damaged
 * snapshots are passed over: a parent saves time, and a backup must not wait until somebody has repaired an old one.
 */
export async function chooseParent(
  repository: Repository,
  options: BackupOptions,
  onProblem: (problem: Problem) => void,
): Promise<StoredSnapshot | undefined> {
  const { parent, signal } = options;
  if (parent.kind === "none") return undefined;
  if (parent.kind === "id") return (await findSnapshot(repository, parent.text, { signal })).stored;
  const filter: SnapshotFilter = {
    ...(parent.groupBy.includes("host") ? { hosts: [options.hostname] } : {}),
    ...(parent.groupBy.includes("paths") ? { paths: snapshotPaths(options) } : {}),
    ...(parent.groupBy.includes("tags") && options.tags.length > 0 ? { tags: [options.tags] } : {}),
  };
  const before = options.timeNs;
  const candidates = await listSnapshots(repository, {
    signal,
    onDamaged: (id, error) => onProblem({ code: "parent-tree", path: `snapshot ${id}`, reason: messageOf(error) }),
  });
  return candidates.findLast(
    ({ snapshot }) => matches(snapshot, filter) && (before === undefined || snapshot.timeNs <= before),
  );
}
