/** How far the WAL in a journal leads from a segment on, along timelines; by arithmetic on names alone. */
import type { JournalGap, StoredJournalFile } from "../../contract/journal.ts";
import {
  TIMELINE_DIGITS,
  formatLsn,
  parseLsn,
  segmentName,
  segmentNumber,
  timelineOf,
  walFileType,
} from "./wal-names.ts";

/** Where a timeline was left for the next one. */
export interface TimelineSwitch {
  readonly timeline: number;
  /** Bytes. */
  readonly at: bigint;
}

export interface WalFiles {
  /** Segments, of any timeline. */
  readonly segments: readonly StoredJournalFile[];
  /** By timeline: what its history file says of the timelines before. */
  readonly histories: ReadonlyMap<number, readonly TimelineSwitch[]>;
  readonly segmentBytes: number;
}

export interface WalReach {
  readonly last: StoredJournalFile | undefined;
  /** Where its content ends, and on which timeline. */
  readonly end: { readonly timeline: number; readonly lsn: bigint } | undefined;
  readonly gaps: readonly JournalGap[];
}

/** Lines `1	0/3000060	reason`, as the server writes them. What is no such line is passed over, as the server does. */
export function parseHistory(text: string): TimelineSwitch[] {
  return text.split("\n").flatMap((line) => {
    const [timeline = "", place = ""] = line.trim().split(/\s+/);
    const at = parseLsn(place);
    return /^\d+$/.test(timeline) && at !== undefined ? [{ timeline: Number(timeline), at }] : [];
  });
}

/**
 * From the segment `from` on to the end of the newest timeline that began on its way. The last segment may be one that is still being
 * written; any other that is not finished is missing.
 */
export function walReach({ segments, histories, segmentBytes }: WalFiles, from: string): WalReach {
  const byName = new Map(segments.map((file) => [file.name, file]));
  const way = wayFrom(from, histories, segmentBytes);
  const timelineAt = (number: bigint): number => way.findLast(({ first }) => first <= number)?.timeline ?? 0;
  const fileAt = (number: bigint): StoredJournalFile | undefined =>
    byName.get(segmentName(timelineAt(number), number, segmentBytes));
  const first = segmentNumber(from, segmentBytes);
  const numbers = numbersOf(segments, segmentBytes).filter((number) => number >= first && fileAt(number) !== undefined);
  const newest = numbers.at(-1);
  const gaps: { first: bigint; last: bigint }[] = [];
  let last: StoredJournalFile | undefined;
  let expected = first;
  for (const number of numbers) {
    const file = fileAt(number);
    if (file?.isPartial === true && number !== newest) continue;
    if (number > expected) gaps.push({ first: expected, last: number - 1n });
    if (gaps.length === 0) last = file;
    expected = number + 1n;
  }
  const nameAt = (number: bigint): string => segmentName(timelineAt(number), number, segmentBytes);
  return {
    last,
    end: last === undefined ? undefined : endOf(last, segmentBytes),
    gaps: [
      ...gaps.map((gap) => ({
        first: nameAt(gap.first),
        last: nameAt(gap.last),
        count: Number(gap.last - gap.first + 1n),
      })),
      ...missingHistories({ segments, histories, segmentBytes }, from).map((name) => ({
        first: name,
        last: name,
        count: 1,
      })),
    ],
  };
}

/** Of timelines that go on after `from`, but nothing says from where: a recovery would end on the old one, and leave them out. */
function missingHistories({ segments, histories, segmentBytes }: WalFiles, from: string): string[] {
  const first = segmentNumber(from, segmentBytes);
  const unknown = segments
    .filter(({ name }) => timelineOf(name) > timelineOf(from) && segmentNumber(name, segmentBytes) >= first)
    .filter(({ name }) => !histories.has(timelineOf(name)))
    .map(({ name }) => `${name.slice(0, TIMELINE_DIGITS)}.history`);
  return [...new Set(unknown)];
}

export function describeWalEnd({ timeline, lsn }: { timeline: number; lsn: bigint }): string {
  return `timeline ${timeline}, LSN ${formatLsn(lsn)}`;
}

interface Stretch {
  readonly timeline: number;
  /** The first segment of which this timeline's file counts. */
  readonly first: bigint;
}

/** The newest timeline that descends from this segment, and what lies between. */
function wayFrom(from: string, histories: WalFiles["histories"], segmentBytes: number): Stretch[] {
  const start = timelineOf(from);
  const first = segmentNumber(from, segmentBytes);
  const numberOf = (at: bigint): bigint => at / BigInt(segmentBytes);
  const newest = [...histories]
    .filter(
      ([timeline, before]) =>
        timeline > start && before.some((each) => each.timeline === start && numberOf(each.at) >= first),
    )
    .reduce((most, [timeline]) => Math.max(most, timeline), start);
  const stretches: Stretch[] = [{ timeline: start, first }];
  const before = histories.get(newest) ?? [];
  before.forEach(({ timeline, at }, n) => {
    if (timeline < start) return;
    // The next one begins with a copy of the segment in which this one was left.
    stretches.push({ timeline: before[n + 1]?.timeline ?? newest, first: numberOf(at) });
  });
  return stretches;
}

/** In order, each once. */
function numbersOf(segments: readonly StoredJournalFile[], segmentBytes: number): bigint[] {
  const numbers = segments.flatMap(({ name }) =>
    walFileType(name) === "segment" ? [segmentNumber(name, segmentBytes)] : [],
  );
  return [...new Set(numbers)].sort((a, b) => (a < b ? -1 : 1));
}

function endOf(
  { name, isPartial, sizeBytes }: StoredJournalFile,
  segmentBytes: number,
): { timeline: number; lsn: bigint } {
  const begin = segmentNumber(name, segmentBytes) * BigInt(segmentBytes);
  return { timeline: timelineOf(name), lsn: begin + BigInt(isPartial ? sizeBytes : segmentBytes) };
}
