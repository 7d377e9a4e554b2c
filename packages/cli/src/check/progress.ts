/** The progress of a check. */
import type { Check, CheckProgress } from "@holdfast/engine";
import type { ProgressView } from "../output/progress.ts";
import { Rate } from "../output/rate.ts";
import { formatBytes, formatCount, formatDuration, plural, timeLeft } from "../output/units.ts";

const PHASES: Readonly<Record<CheckProgress["phase"], string>> = {
  index: "reading the index",
  packs: "comparing the packs with the index",
  verify: "reading packs",
  trees: "following the snapshots",
  done: "done",
};

export function checkProgress(check: Check): ProgressView {
  const rate = new Rate();
  let now = check.progress();
  return {
    update: (nowMs) => {
      now = check.progress();
      rate.add(now.bytesDone, nowMs);
    },
    block: () => [summary(now, rate)],
    line: () => summary(now, rate),
    json: () => ({
      message_type: "status",
      phase: now.phase,
      seconds_elapsed: Math.floor(now.elapsedMs / 1000),
      percent_done: now.bytesTotal === 0 ? 0 : now.bytesDone / now.bytesTotal,
      packs_done: now.packsDone,
      total_packs: now.packsTotal,
      bytes_done: now.bytesDone,
      total_bytes: now.bytesTotal,
      error_count: now.findings,
    }),
  };
}

function summary(now: CheckProgress, rate: Rate): string {
  const head = `[${formatDuration(now.elapsedMs)}] ${PHASES[now.phase]}`;
  const findings = now.findings === 0 ? [] : [plural(now.findings, "finding")];
  if (now.phase !== "verify" || now.bytesTotal === 0) return [head, ...findings].join(", ");
  const remaining = rate.remainingMs(now.bytesTotal - now.bytesDone);
  const parts = [
    `${((now.bytesDone / now.bytesTotal) * 100).toFixed(1)}%`,
    `${formatCount(now.packsDone)} of ${plural(now.packsTotal, "pack")}`,
    `${formatBytes(now.bytesDone)} of ${formatBytes(now.bytesTotal)}`,
    `${formatBytes(rate.perSecond())}/s`,
    ...timeLeft(remaining),
    ...findings,
  ];
  return `${head}: ${parts.join(", ")}`;
}
