/** Chooses from which of the open copies a restore reads: what is meant, who has it, and who is fast. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import {
  type MeasuredCopy,
  type OpenedCopy,
  BlobReader,
  type PathTarget,
  TreeReader,
  displayPath,
  idToBytes,
  measureCopies,
  notFoundSnapshot,
  resolvePath,
} from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { formatBytes, formatLocalTime } from "../output/units.ts";
import type { FoundSnapshot, NamedCopy, OpenCopy } from "./open-copies.ts";

/** A named copy that is ready. */
export interface ReadyCopy {
  readonly named: NamedCopy;
  readonly open: OpenCopy;
}

/** One that has all of the snapshot. */
export interface WholeCopy extends ReadyCopy {
  /** Loads the index where that was not done yet. */
  opened(): Promise<OpenedCopy>;
}

/** What is restored, and from where. */
export interface Choice {
  readonly wanted: FoundSnapshot;
  readonly place: PathTarget;
  /** Those that have all of it, the chosen one first. */
  readonly whole: readonly WholeCopy[];
  /** Other named copies, which may get ready later, or can give single blobs. */
  readonly rest: readonly NamedCopy[];
}

/** A copy that was given earlier is preferred to one that is faster by less than this. */
const MUCH_FASTER = 1.5;

/**
 * The first copy in the given order that is ready and knows the snapshot says what is meant.
 * @throws ENGINE_ID_NOT_FOUND when none has it, ENGINE_PATH_NOT_FOUND, and what reading an index throws
 */
export async function chooseCopy(context: CommandContext, named: readonly NamedCopy[]): Promise<Choice> {
  const { args, output, options } = context;
  const ready = named.flatMap((copy): ReadyCopy[] => {
    const { outcome } = copy;
    return outcome === undefined || "error" in outcome ? [] : [{ named: copy, open: outcome }];
  });
  const first = ready.find(({ open }) => open.found !== undefined);
  const wanted = first?.open.found;
  if (first === undefined || wanted === undefined) throw notFoundSnapshot(args[0] ?? "");
  tellNewer(context, ready, first, wanted);
  const isMeasured = named.length > 1 && options.text("prefer") !== "given";
  const have = ready.filter(({ open }) => open.found?.stored.snapshot.tree === wanted.stored.snapshot.tree);
  const groups = isMeasured ? [have] : have.map((copy) => [copy]);
  const { usable, place, tried } = await firstThatKnows(context, groups, wanted);
  const ordered = isMeasured ? await measured(context, usable, place) : usable;
  if (named.length > 1 && !isMeasured) {
    output.message(`reading from ${displayPath((ordered[0] ?? first).named.location)}, as the copies are given`);
  }
  const later = groups.slice(tried).flat();
  const whole = [...ordered, ...later].map(wholeCopy);
  const rest = named.filter((copy) => !whole.some((other) => other.named === copy));
  return { wanted, place, whole, rest };
}

/**
 * The first of these groups in which a copy knows where it lies; the others are not looked at.
 * @throws ENGINE_PATH_NOT_FOUND, and what is wrong with the first group when none knows
 */
async function firstThatKnows(
  context: CommandContext,
  groups: readonly (readonly ReadyCopy[])[],
  wanted: FoundSnapshot,
): Promise<{ usable: readonly Indexed[]; place: PathTarget; tried: number }> {
  const failures: unknown[] = [];
  for (const [n, group] of groups.entries()) {
    try {
      const usable = await withIndexes(context, group);
      return { usable, place: await placeIn(usable, wanted, context.signal), tried: n + 1 };
    } catch (error) {
      context.signal.throwIfAborted();
      if (!isHoldfastError(error) || error.code === "ENGINE_PATH_NOT_FOUND") throw error;
      failures.push(error);
    }
  }
  throw failures[0];
}

function wholeCopy(copy: ReadyCopy & { readonly opened?: OpenedCopy }): WholeCopy {
  const { session, signal, index } = copy.open;
  const opened = async (): Promise<OpenedCopy> =>
    copy.opened ?? { repository: session.repository, index: await index(), signal };
  return { ...copy, opened };
}

/** Where it lies, by the first copy that can tell. @throws ENGINE_PATH_NOT_FOUND, and what is wrong with the last of them */
async function placeIn(
  usable: readonly Indexed[],
  { stored, subfolder }: FoundSnapshot,
  signal: AbortSignal,
): Promise<PathTarget> {
  let failure: unknown;
  for (const { repository, index } of usable.map(({ opened }) => opened)) {
    try {
      const trees = new TreeReader(new BlobReader(repository, index));
      return await resolvePath(trees, stored.snapshot.tree, subfolder, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (!isHoldfastError(error) || error.code === "ENGINE_PATH_NOT_FOUND") throw error;
      failure = error;
    }
  }
  throw failure;
}

type Indexed = ReadyCopy & { readonly opened: OpenedCopy };

/** Those whose index can be read. @throws what is wrong with the index of the first, when there is none */
async function withIndexes({ output, signal }: CommandContext, copies: readonly ReadyCopy[]): Promise<Indexed[]> {
  const settled = await Promise.allSettled(copies.map(({ open }) => open.index()));
  signal.throwIfAborted();
  const usable = settled.flatMap((result, n): Indexed[] => {
    const copy = copies[n] as ReadyCopy;
    const { session, signal: lock } = copy.open;
    if (result.status === "fulfilled") {
      return [{ ...copy, opened: { repository: session.repository, index: result.value, signal: lock } }];
    }
    if (copies.length > 1) {
      const text = `${displayPath(copy.named.location)} cannot be used: ${messageOf(result.reason)}`;
      output.warn(text, { during: "open" });
    }
    return [];
  });
  const [first] = settled;
  if (usable.length === 0 && first?.status === "rejected") throw first.reason;
  return usable;
}

/** Copies may be behind one another. */
function tellNewer(
  { output }: CommandContext,
  ready: readonly ReadyCopy[],
  first: ReadyCopy,
  wanted: FoundSnapshot,
): void {
  for (const { named, open } of ready) {
    const time = open.found?.stored.snapshot.timeNs;
    if (time === undefined || time <= wanted.stored.snapshot.timeNs) continue;
    const text = `${displayPath(named.location)} has a later one, of ${formatLocalTime(time)}; restoring what ${displayPath(first.named.location)} has`;
    output.warn(text, { during: "open" });
  }
}

/** Measures those that have all of it, says so, and puts the one to be read first. */
async function measured(context: CommandContext, usable: readonly Indexed[], place: PathTarget): Promise<Indexed[]> {
  const { signal } = context;
  const root = place.kind === "tree" ? place.id : undefined;
  if (usable.length < 2 || root === undefined) return [...usable];
  const able = usable.filter(({ opened }) => opened.index.has("tree", idToBytes(root), 0));
  const found = await measureCopies(
    able.map(({ opened }) => opened),
    root,
    { signal },
  );
  const rate = (n: number): number => found[n]?.pace?.bytesPerSecond ?? 0;
  const best = Math.max(0, ...able.map((_, n) => rate(n)));
  const chosen = Math.max(
    0,
    able.findIndex((_, n) => rate(n) * MUCH_FASTER >= best),
  );
  const others = [...able.keys()].filter((n) => n !== chosen).sort((a, b) => rate(b) - rate(a));
  tellMeasures(context, able, found, chosen);
  return [chosen, ...others].map((n) => {
    const copy = able[n] as Indexed;
    return { ...copy, opened: { ...copy.opened, pace: found[n]?.pace } };
  });
}

function tellMeasures(
  { output }: CommandContext,
  copies: readonly Indexed[],
  found: readonly MeasuredCopy[],
  chosen: number,
): void {
  const chosenAt = copies[chosen]?.named.location ?? "";
  if (output.settings.json) {
    output.printJsonNow({
      message_type: "copies",
      chosen: chosenAt,
      copies: copies.map(({ named }, n) => ({
        location: named.location,
        bytes_read: found[n]?.bytes ?? 0,
        seconds: (found[n]?.elapsedMs ?? 0) / 1000,
        bytes_per_second: Math.round(found[n]?.pace?.bytesPerSecond ?? 0),
        error: found[n]?.error === undefined ? undefined : messageOf(found[n].error),
      })),
    });
    return;
  }
  const measures = copies.map(({ named }, n) => {
    const pace = found[n]?.pace;
    const text = pace === undefined ? "nothing in time" : `${formatBytes(pace.bytesPerSecond)}/s`;
    return `${displayPath(named.location)} ${text}`;
  });
  output.message(`measured ${measures.join(", ")}; reading from ${displayPath(chosenAt)}`);
}
