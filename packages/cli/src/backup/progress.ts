/** The progress of a backup: block, line and JSON status. */
import { type Backup, type BackupProgress, displayPath } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatBytes, formatCount, formatDuration, plural, timeLeft } from "../output/units.ts";

export function backupProgress(backup: Backup): ProgressView {
  const rate = new Rate();
  let now = backup.progress();
  return {
    update: (nowMs) => {
      now = backup.progress();
      rate.add(now.bytesDone, nowMs);
    },
    block: () => [summary(now, rate), ...now.currentPaths.map((path) => `  ${displayPath(path)}`)],
    line: () => summary(now, rate),
    json: () => status(now, rate),
  };
}

function summary(now: BackupProgress, rate: Rate): string {
  const time = `[${formatDuration(now.elapsedMs)}]`;
  if (now.phase === "index") return `${time} reading the index`;
  const percent = fractionDone(now);
  const remaining = remainingMs(now, rate);
  const parts = [
    ...(percent === undefined ? [] : [`${(percent * 100).toFixed(1)}%`]),
    now.totalFiles === undefined
      ? plural(now.filesDone, "file")
      : `${formatCount(now.filesDone)} of ${plural(now.totalFiles, "file")}`,
    now.totalBytes === undefined
      ? formatBytes(now.bytesDone)
      : `${formatBytes(now.bytesDone)} of ${formatBytes(now.totalBytes)}`,
    `${formatBytes(rate.perSecond())}/s`,
    ...timeLeft(remaining),
    `${formatBytes(now.counts.dataAddedPacked)} stored`,
    ...(now.problems === 0 ? [] : [plural(now.problems, "problem")]),
    ...(now.phase === "finishing" ? ["finishing"] : []),
    ...(now.phase === "verifying" ? ["verifying what was there"] : []),
  ];
  return `${time} ${parts.join(", ")}`;
}

/** From 0 to 1; `undefined` while the total is not known. Files that grow meanwhile must not lead past 1. */
function fractionDone({ bytesDone, totalBytes }: BackupProgress): number | undefined {
  if (totalBytes === undefined) return undefined;
  return totalBytes === 0 ? 1 : Math.min(1, bytesDone / totalBytes);
}

function remainingMs({ bytesDone, totalBytes }: BackupProgress, rate: Rate): number | undefined {
  return totalBytes === undefined ? undefined : rate.remainingMs(Math.max(0, totalBytes - bytesDone));
}

function status(now: BackupProgress, rate: Rate): unknown {
  const remaining = remainingMs(now, rate);
  return {
    message_type: "status",
    phase: now.phase,
    seconds_elapsed: Math.floor(now.elapsedMs / 1000),
    seconds_remaining: remaining === undefined ? undefined : Math.ceil(remaining / 1000),
    bytes_per_second: Math.round(rate.perSecond()),
    percent_done: fractionDone(now) ?? 0,
    total_files: now.totalFiles,
    files_done: now.filesDone,
    total_bytes: now.totalBytes,
    bytes_done: now.bytesDone,
    error_count: now.problems,
    current_files: now.currentPaths,
  };
}
