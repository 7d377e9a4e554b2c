/** The progress of a restore. */
import type { Restore, RestoreProgress } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatBytes, formatCount, formatDuration, plural, timeLeft } from "../output/units.ts";

export function restoreProgress(restore: Restore): ProgressView {
  let rate = new Rate();
  const startedMs = performance.now();
  let nowMs = startedMs;
  let now = restore.progress();
  return {
    update: (atMs) => {
      nowMs = atMs;
      const before = now.phase;
      now = restore.progress();
      // Reading again has a pace of its own, and starts from nothing.
      if (now.phase !== before) rate = new Rate();
      rate.add(bytesHandled(now), atMs);
    },
    block: () => [summary(now, rate, nowMs - startedMs)],
    line: () => summary(now, rate, nowMs - startedMs),
    json: () => ({
      message_type: "status",
      phase: now.phase,
      seconds_elapsed: Math.floor((nowMs - startedMs) / 1000),
      percent_done: fractionDone(now),
      ...countsJson(now.counts),
      error_count: now.problems,
    }),
  };
}

/**
 * The counts under restic's names, and what restic does not tell. As with restic, entries of every type count as files, and
 * totals are without what is skipped: all is restored when `files_restored` is `total_files`.
 */
export function countsJson(counts: RestoreProgress["counts"]): Record<string, number> {
  const others = counts.folders + counts.links + counts.others;
  const left = counts.filesSkipped + counts.filesUnchanged;
  const written = counts.filesRestored + counts.filesUpdated;
  const bytesSkipped = counts.bytesSkipped + counts.bytesUnchanged;
  return {
    total_files: counts.filesTotal - left + others,
    files_restored: written + others,
    files_skipped: left + counts.othersSkipped,
    files_deleted: counts.deleted,
    total_bytes: counts.bytesTotal - bytesSkipped,
    bytes_restored: counts.bytesRestored,
    bytes_skipped: bytesSkipped,
    files_updated: counts.filesUpdated,
    files_unchanged: counts.filesUnchanged,
    files_failed: counts.filesFailed,
    bytes_failed: counts.bytesFailed,
    folders: counts.folders,
    links: counts.links,
    others: counts.others,
    files_verified: counts.filesVerified,
    bytes_verified: counts.bytesVerified,
  };
}

function bytesHandled({ phase, counts }: RestoreProgress): number {
  if (phase === "verifying") return counts.bytesVerified;
  return counts.bytesRestored + counts.bytesUnchanged + counts.bytesSkipped + counts.bytesFailed;
}

function filesHandled({ phase, counts }: RestoreProgress): number {
  if (phase === "verifying") return counts.filesVerified;
  return counts.filesRestored + counts.filesUpdated + counts.filesUnchanged + counts.filesSkipped + counts.filesFailed;
}

/** From 0 to 1. Totals grow as folders are read, so it may also fall. */
function fractionDone(now: RestoreProgress): number {
  const { bytesTotal } = now.counts;
  return bytesTotal === 0 ? 0 : Math.min(1, bytesHandled(now) / bytesTotal);
}

function summary(now: RestoreProgress, rate: Rate, elapsedMs: number): string {
  const { filesTotal, bytesTotal } = now.counts;
  const remaining = rate.remainingMs(Math.max(0, bytesTotal - bytesHandled(now)));
  const parts = [
    `${(fractionDone(now) * 100).toFixed(1)}%`,
    `${formatCount(filesHandled(now))} of ${plural(filesTotal, "file")}`,
    `${formatBytes(bytesHandled(now))} of ${formatBytes(bytesTotal)}`,
    `${formatBytes(rate.perSecond())}/s`,
    ...timeLeft(remaining),
    ...(now.problems === 0 ? [] : [plural(now.problems, "problem")]),
  ];
  return `[${formatDuration(elapsedMs)}] ${now.phase === "verifying" ? "verifying: " : ""}${parts.join(", ")}`;
}
