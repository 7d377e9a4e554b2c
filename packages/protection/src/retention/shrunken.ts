/**
 * Whether the newest snapshot of a source is empty, or far smaller than the source used to be: backups that succeed and hold
 * nothing would push the good ones out, one day after the other.
 */
import { groupKey } from "@holdfast/engine";
import { type Entry, shortId } from "./entry.ts";
import type { SnapshotSize } from "./policy.ts";
import { isLate } from "./trust.ts";
import { counted } from "./words.ts";

/** With fewer days than this nobody knows what is usual. */
const FEWEST_DAYS = 3;
const MIB = 1024 * 1024;

interface ShrinkOptions {
  /** What the group is called. */
  readonly title: string;
  /** The share by which it may be smaller: 0 to 1. */
  readonly maxShrink: number;
  /** What arrived before does not count, in milliseconds since 1970. */
  readonly sizesFromMs?: number | undefined;
}

/** A snapshot of which the size is known. */
interface Sized {
  readonly entry: Entry;
  readonly size: SnapshotSize;
}

/**
 * Why the newest snapshots of a group are not to be believed, in plain words, one text for each source (host and paths) of it;
 * snapshots that do not say how much they hold are passed over. Incomplete ones push out nothing, so they are no reason.
 * @param entries those whose times are possible, newest first
 */
export function shrunkenSources(entries: readonly Entry[], options: ShrinkOptions): string[] {
  if (options.maxShrink >= 1) return [];
  const sized = entries.flatMap((entry): Sized[] => {
    const { size, complete } = entry.candidate;
    return size === undefined || complete === false ? [] : [{ entry, size }];
  });
  const sources = Map.groupBy(sized, ({ entry }) => groupKey(entry.candidate, ["host", "paths"]));
  return [...sources.values()].flatMap((source) => shrinkOf(source, options) ?? []);
}

function shrinkOf(
  [newest, ...earlier]: readonly Sized[],
  { title, maxShrink, sizesFromMs }: ShrinkOptions,
): string | undefined {
  const counting = earlier.filter(
    ({ entry }) => sizesFromMs === undefined || Number(entry.candidate.timeNs / 1_000_000n) >= sizesFromMs,
  );
  if (newest === undefined || counting.length === 0) return undefined;
  const what = `the newest snapshot of ${title} (${shortId(newest.entry.candidate)})`;
  const { size } = newest;
  if (size.files === 0 && size.bytes === 0) {
    const full = counting.find((each) => each.size.files > 0 || each.size.bytes > 0);
    return full === undefined
      ? undefined
      : `${what} is empty, and ${shortId(full.entry.candidate)} held ${sizeText(full.size)}`;
  }
  for (const field of ["files", "bytes"] as const) {
    const usual = usualOf(counting, field);
    if (usual === undefined || size[field] >= usual * (1 - maxShrink)) continue;
    const less = Math.floor((1 - size[field] / usual) * 100);
    const usually = field === "files" ? counted(usual, "file") : bytesText(usual);
    return `${what} holds ${sizeText(size)}, and ${usually} were usual: ${less} % less`;
  }
  return undefined;
}

/**
 * What was usual, at the best time: the largest median over all days up to some day. Small snapshots that come after the good ones
 * cannot make it smaller, however many they are, and neither can several in one day, as the largest counts for the day. Those that
 * arrived long after the time that they name may be put between the good ones: so they can only make it larger.
 */
function usualOf(sized: readonly Sized[], field: keyof SnapshotSize): number | undefined {
  const found = [sized, sized.filter(({ entry }) => !isLate(entry))].flatMap(
    (each) => largestMedian(each, field) ?? [],
  );
  return found.length === 0 ? undefined : Math.max(...found);
}

function largestMedian(sized: readonly Sized[], field: keyof SnapshotSize): number | undefined {
  const days = new Map<number, number>();
  for (const { entry, size } of sized.toReversed()) {
    const day = entry.local.days;
    days.set(day, Math.max(days.get(day) ?? 0, size[field]));
  }
  // Kept sorted: each day is put in its place, and the median is read off.
  const sorted: number[] = [];
  let largest: number | undefined;
  for (const value of days.values()) {
    sorted.splice(placeOf(value, sorted), 0, value);
    if (sorted.length < FEWEST_DAYS) continue;
    largest = Math.max(largest ?? 0, sorted[(sorted.length - 1) >> 1] as number);
  }
  return largest;
}

/** Where a value belongs in a sorted list. */
function placeOf(value: number, sorted: readonly number[]): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sizeText({ files, bytes }: SnapshotSize): string {
  return `${counted(files, "file")} with ${bytesText(bytes)}`;
}

function bytesText(bytes: number): string {
  if (bytes < MIB) return counted(bytes, "byte");
  const [unit, size] = bytes < 1024 * MIB ? (["MiB", MIB] as const) : (["GiB", 1024 * MIB] as const);
  return `${(bytes / size).toFixed(1)} ${unit}`;
}
