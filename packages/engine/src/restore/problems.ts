/** What a restore could not do, or found to be wrong: a bounded list and full counts. */
import type { Id } from "../format/id.ts";

/** Something about one path. None of them ends the restore. */
export interface RestoreProblem {
  /**
   * - `damaged`: the repository lacks the content, or has it damaged. Nothing is left under the path, except a file that
   *   stood there before.
   * - `not-restored`: the system refused to create, write or replace it.
   * - `metadata`: it was restored, but not all of its metadata.
   * - `unsafe-name`: its name would lead out of its folder, or stands twice in it. It was left alone.
   * - `not-deleted`: something that the snapshot lacks could not be removed.
   * - `differs`: verification found it other than the snapshot says.
   */
  readonly code: "damaged" | "not-restored" | "metadata" | "unsafe-name" | "not-deleted" | "differs";
  /** Inside what is restored; begins with "/", the root itself is "/". */
  readonly path: string;
  readonly reason: string;
  /** The blob that is damaged or missing. */
  readonly blob?: Id;
}

/** Most problems that are kept; all are counted and reported as they come. */
const MAX_KEPT = 1000;

export class ProblemList {
  readonly kept: RestoreProblem[] = [];
  readonly counts: Partial<Record<RestoreProblem["code"], number>> = {};
  count = 0;

  add(problem: RestoreProblem): void {
    this.count += 1;
    this.counts[problem.code] = (this.counts[problem.code] ?? 0) + 1;
    if (this.kept.length < MAX_KEPT) this.kept.push(problem);
  }
}
