/** What was found out about locks, and done: for people and for programs. */
import type { ExtendResult, JobStanding, LockRun, LockStatus, ProtectionDue } from "@holdfast/engine";
import { displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { formatCount, formatElapsed, plural } from "../output/units.ts";
import { latenessText, timeOf } from "./lateness.ts";

const DAY_MS = 86_400_000;

/** Prints how a run of the job ended. */
export function reportExtended(result: ExtendResult, output: Output): void {
  for (const doubt of result.doubts) {
    output.warn(`${doubt}. So every file counts as needed; run \`holdfast check\``, { during: "object-lock" });
  }
  if (output.settings.json) return output.printJson(extendedJson(result));
  const { dryRun, files, extended, left, failed, forMs, earliestMs, snapshots } = result;
  output.print(
    `${plural(snapshots, "snapshot")} ${snapshots === 1 ? "needs" : "need"} ${plural(files, "file")}: ` +
      `${dryRun ? "would extend" : "extended"} the locks of ${formatCount(extended)} to ${daysOf(forMs)}, ` +
      `${formatCount(left)} had long enough to go`,
  );
  if (earliestMs !== undefined) output.print(`the first lock ends at ${timeOf(earliestMs)}`);
  if (failed > 0)
    output.print(
      `${plural(failed, "file that is", "files that are")} needed ${failed === 1 ? "is" : "are"} not locked`,
    );
  if (dryRun) output.print("dry run: nothing was changed");
}

function extendedJson(result: ExtendResult): unknown {
  return {
    message_type: "summary",
    ...(result.dryRun ? { dry_run: true } : {}),
    ...runJson(result),
    left: result.left,
    doubts: result.doubts,
  };
}

function runJson(run: Omit<LockRun, "id" | "receivedAtMs">): Record<string, unknown> {
  return {
    began: instantOf(run.beganAtMs),
    ended: instantOf(run.endedAtMs),
    hostname: run.hostname,
    program_version: run.programVersion,
    every_seconds: Math.round(run.everyMs / 1000),
    for_seconds: Math.round(run.forMs / 1000),
    snapshots: run.snapshots,
    files: run.files,
    extended: run.extended,
    failed: run.failed,
    exact: run.isExact,
    earliest_end: run.earliestMs === undefined ? null : instantOf(run.earliestMs),
  };
}

export interface StatusReport {
  readonly standing: JobStanding;
  readonly due: ProtectionDue;
  readonly nowMs: number;
  /** Absent where only the job was looked at. */
  readonly locks: LockStatus | undefined;
  readonly withinMs: number;
}

/** Prints how all stands, and an alarm for each thing that is wrong. @returns whether something is */
export function reportStatus(report: StatusReport, output: Output): boolean {
  const alarms = alarmsOf(report);
  if (output.settings.json) output.printJson(statusJson(report, alarms));
  else {
    for (const line of [...jobLines(report), ...lockLines(report)]) output.print(line);
    if (alarms.length === 0) output.print("all is in order");
  }
  for (const { text } of alarms) output.warn(text, { during: "object-lock" });
  return alarms.length > 0;
}

interface Alarm {
  readonly code: "late" | "unlocked" | "too-short" | "lost" | "damage";
  readonly text: string;
}

function alarmsOf({ standing, due, locks }: StatusReport): Alarm[] {
  const alarms: Alarm[] = [];
  if (standing.isLate) {
    alarms.push({
      code: "late",
      text: `${latenessText(standing)}. Run \`holdfast object-lock extend\`, and see to its timer`,
    });
  }
  if (locks === undefined) return alarms;
  const { unlocked, tooShort, lost, examples, doubts } = locks;
  if (unlocked > 0) {
    const some = examples.map(({ type, name }) => `${type} ${name}`.trim()).join(", ");
    const text = `${plural(unlocked, "file")} that snapshots need ${unlocked === 1 ? "is" : "are"} not locked, such as ${some}. Run \`holdfast object-lock extend\``;
    alarms.push({ code: "unlocked", text });
  }
  if (tooShort > 0) {
    const text = `${plural(tooShort, "lock")} will end before the job is due again at ${timeOf(due.atMs)}. Run \`holdfast object-lock extend\``;
    alarms.push({ code: "too-short", text });
  }
  if (lost > 0) {
    const text = `${plural(lost, "file")} that snapshots need ${lost === 1 ? "is" : "are"} not there as stored. Run \`holdfast check\`; as of a time before it may be there: -o s3.as-of`;
    alarms.push({ code: "lost", text });
  }
  for (const doubt of doubts)
    alarms.push({ code: "damage", text: `${doubt}. So every file was looked at; run \`holdfast check\`` });
  return alarms;
}

function jobLines({ standing: { lastRun, lateFromMs, isLate }, due, nowMs }: StatusReport): string[] {
  if (lastRun === undefined) {
    const when = isLate ? "" : `; the first locks need it before ${timeOf(lateFromMs)}`;
    return [`the job has never run${when}`];
  }
  const { endedAtMs, hostname, extended, files, forMs, everyMs, failed } = lastRun;
  const ago = formatElapsed(Math.max(0, nowMs - endedAtMs));
  return [
    `last run: ${timeOf(endedAtMs)}, ${ago} ago, on ${displayPath(hostname)}: extended ${formatCount(extended)} of ${plural(files, "file")} to ${daysOf(forMs)}`,
    ...(failed === 0 ? [] : [`it left ${plural(failed, "file")} unlocked`]),
    `meant to run every ${daysOf(everyMs)}: due at ${timeOf(due.atMs)}, late from ${timeOf(lateFromMs)}`,
  ];
}

function lockLines({ locks, withinMs, nowMs }: StatusReport): string[] {
  if (locks === undefined) return [];
  const { snapshots, files, unlocked, within, earliest } = locks;
  return [
    `${plural(snapshots, "snapshot")} ${snapshots === 1 ? "needs" : "need"} ${plural(files, "file")}: ${formatCount(unlocked)} not locked, ${formatCount(within)} locked for less than ${daysOf(withinMs)}`,
    ...(earliest === undefined
      ? []
      : [
          `the first lock ends at ${timeOf(earliest.untilMs)}, in ${daysOf(earliest.untilMs - nowMs)}: ${earliest.key.type} ${earliest.key.name}`.trim(),
        ]),
  ];
}

function statusJson({ standing, due, nowMs, locks, withinMs }: StatusReport, alarms: readonly Alarm[]): unknown {
  const { lastRun, lastGoodMs, lateFromMs, isLate } = standing;
  return {
    message_type: "summary",
    ok: alarms.length === 0,
    alarms: alarms.map(({ code, text }) => ({ code, text })),
    store_time: instantOf(nowMs),
    late: isLate,
    late_from: instantOf(lateFromMs),
    due: instantOf(due.atMs),
    last_good_run: lastGoodMs === undefined ? null : instantOf(lastGoodMs),
    last_run: lastRun === undefined ? null : runJson(lastRun),
    ...(locks === undefined ? {} : locksJson(locks, withinMs)),
  };
}

function locksJson(locks: LockStatus, withinMs: number): Record<string, unknown> {
  const { snapshots, files, unlocked, tooShort, within, lost, earliest, doubts } = locks;
  return {
    snapshots,
    files,
    unlocked,
    ends_before_due: tooShort,
    within_seconds: Math.round(withinMs / 1000),
    ends_within: within,
    lost,
    earliest_end: earliest === undefined ? null : instantOf(earliest.untilMs),
    earliest_file: earliest === undefined ? null : { type: earliest.key.type, name: earliest.key.name },
    doubts,
  };
}

function instantOf(ms: number): string {
  return new Date(ms).toISOString();
}

function daysOf(ms: number): string {
  const days = Math.round((ms / DAY_MS) * 10) / 10;
  return days === 1 ? "1 day" : `${days} days`;
}
