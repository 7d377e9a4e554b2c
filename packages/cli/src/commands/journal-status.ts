/** `holdfast journal status`: how far journals go, and what is missing in them. */
import { parseDuration } from "@holdfast/base";
import { SOURCE_KINDS } from "@holdfast/sources";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { type CaptureStanding, type JournalStanding, judgeJournal } from "../journal/judge-journal.ts";
import { repositoryTitle, withJournaled } from "../journal/journaled-source.ts";
import { safeText } from "../output/safe-text.ts";
import { formatElapsed, formatLocalTime, formatBytes } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";
import { requireSources } from "../sources/meant-sources.ts";

export const run: RunCommand = async (context) => {
  const maxAgeMs = context.options.parsed("max-age", "give a duration such as 90s, 5m or 2h", parseDuration);
  const { sources } = await requireSources(context);
  // Without names, those that can have one.
  const meant = sources.filter(({ kind }) => context.args.length > 0 || SOURCE_KINDS.get(kind)?.journal !== undefined);
  let isWell = true;
  for (const { name } of meant) {
    await withJournaled(context, name, async ({ opened, format, targets }) => {
      for (const target of targets) {
        const standing = await withSession(target, (session) =>
          session.locked("look", (signal) =>
            judgeJournal(session.repository, { opened, format, maxAgeMs, nowMs: Date.now(), signal }),
          ),
        );
        if (context.output.settings.json) context.output.printJson(asJson(target, name, standing));
        else tell(target, name, standing);
        if (standing.problems.length > 0) isWell = false;
      }
    });
  }
  return isWell ? EXIT.ok : EXIT.incomplete;
};

function tell(
  context: CommandContext,
  name: string,
  { currentAtMs, newest, captures, problems }: JournalStanding,
): void {
  const { output } = context;
  const local = (ms: number): string => formatLocalTime(BigInt(ms) * 1_000_000n);
  const current =
    currentAtMs === undefined
      ? "nothing is stored"
      : `current at ${local(currentAtMs)}, ${formatElapsed(Math.max(0, Date.now() - currentAtMs))} ago`;
  output.print(safeText(`journal of ${name} in ${repositoryTitle(context)}: ${current}`));
  for (const [stream, file] of newest) {
    const state = file.isPartial ? `, ${formatBytes(file.sizeBytes)} of it so far` : "";
    output.print(safeText(`  newest file ${file.name}${state}, written ${local(file.changedAtMs)} (server ${stream})`));
  }
  for (const { stored, reach } of captures) {
    const of = `snapshot ${shortId(stored.id)} of ${formatLocalTime(stored.snapshot.timeNs)}`;
    output.print(safeText(`  ${of} ${describeReach(reach)}`));
  }
  for (const problem of problems) output.print(safeText(`  PROBLEM: ${problem}`));
}

function describeReach(reach: CaptureStanding["reach"]): string {
  if (reach === undefined) return "needs no journal";
  if (reach.position === undefined) return "can be restored as it is, without a journal";
  return `can be brought to ${reach.position}`;
}

function asJson(
  { chosen }: CommandContext,
  name: string,
  { currentAtMs, newest, captures, problems }: JournalStanding,
): unknown {
  const time = (ms: number): string => new Date(ms).toISOString();
  return {
    message_type: "journal_status",
    source: name,
    repository: chosen?.name,
    current_at: currentAtMs === undefined ? undefined : time(currentAtMs),
    age: currentAtMs === undefined ? undefined : Math.max(0, Date.now() - currentAtMs) / 1000,
    streams: [...newest].map(([stream, { name: file, isPartial, sizeBytes, changedAtMs }]) => ({
      stream,
      newest: file,
      partial: isPartial,
      bytes: sizeBytes,
      written_at: time(changedAtMs),
    })),
    snapshots: captures.map(({ stored, reach }) => ({
      id: stored.id,
      reaches: reach?.position,
      last: reach?.last?.name,
      gaps: reach?.gaps,
    })),
    problems,
  };
}
