/** What a restore has found out about the snapshot that it restored. */
import { type RestoreOptions, type RestoreResult, type StoredSnapshot, subjectsOf } from "@holdfast/engine";
import type { Findings } from "../evidence/record.ts";

type Settings = Pick<RestoreOptions, "verify" | "include" | "exclude"> & {
  /** The whole snapshot was to be restored, and from nowhere but the repository. */
  readonly isWhole: boolean;
};

/**
 * It proves the snapshot when everything in it came from the repository, was read again and is as it should be: what stood in the
 * target already proves nothing. Content that is lost or damaged takes proof away, however little was restored.
 */
export function restoreFindings(
  snapshot: StoredSnapshot,
  { counts, problemCounts }: Pick<RestoreResult, "counts" | "problemCounts">,
  { verify = false, include = [], exclude = [], isWhole }: Settings,
): Pick<Findings, "proven" | "damaged"> {
  const subjects = subjectsOf([snapshot]);
  if ((problemCounts.damaged ?? 0) > 0) return { damaged: subjects };
  const isAll = isWhole && include.length === 0 && exclude.length === 0;
  const stoodThere = counts.filesUpdated + counts.filesUnchanged + counts.filesSkipped + counts.othersSkipped;
  const problems = Object.values(problemCounts).reduce((sum, count) => sum + count, 0);
  return verify && isAll && stoodThere + problems === 0 ? { proven: subjects } : {};
}
