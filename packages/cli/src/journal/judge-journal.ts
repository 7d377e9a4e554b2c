/** How far a journal goes, and what is wrong with it. */
import { isHoldfastError } from "@holdfast/base";
import { type Repository, type StoredSnapshot, listSnapshots, withIndexBeside } from "@holdfast/engine";
import type { OpenedSource } from "@holdfast/protection/configured";
import {
  type JournalFormat,
  type JournalReach,
  type StoredJournalFile,
  StoredJournal,
  capturesOf,
  journalFolder,
  openCaptured,
} from "@holdfast/sources";
import { formatElapsed, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** One snapshot of the source, and up to where its journal leads. */
export interface CaptureStanding {
  readonly stored: StoredSnapshot;
  /** `undefined` for one that needs no journal, or cannot be read. */
  readonly reach: JournalReach | undefined;
}

export interface JournalStanding {
  /** Until when it was known to be current, in milliseconds since 1970; `undefined` when nothing was ever pushed. */
  readonly currentAtMs: number | undefined;
  /** The newest file of each stream. */
  readonly newest: ReadonlyMap<string, StoredJournalFile>;
  /** Oldest first. */
  readonly captures: readonly CaptureStanding[];
  /** In plain words. */
  readonly problems: readonly string[];
}

interface Judging {
  readonly opened: Pick<OpenedSource, "name" | "kind">;
  readonly format: JournalFormat;
  readonly maxAgeMs: number | undefined;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** @throws what reading the repository throws, but damage, which is among the problems */
export async function judgeJournal(repository: Repository, judging: Judging): Promise<JournalStanding> {
  const { opened, format, signal, nowMs, maxAgeMs } = judging;
  const problems: string[] = [];
  const identity = { kind: opened.kind.kind, name: opened.name };
  const { found: snapshots, index } = await withIndexBeside(
    repository,
    (onListed, both) => listSnapshots(repository, { signal: both, onListed, onDamaged: () => {} }),
    { signal },
  );
  const journal = await StoredJournal.open(
    {
      repository,
      index,
      snapshots,
      folder: journalFolder(identity.kind, identity.name),
      onLost: (what) => problems.push(`${what} is lost`),
    },
    { signal },
  );
  const captures: CaptureStanding[] = [];
  for (const stored of capturesOf(snapshots, identity)) {
    try {
      const { facts } = await openCaptured({ repository, index, snapshot: stored.snapshot }, { signal });
      const need = format.neededFrom(facts);
      captures.push({ stored, reach: need === undefined ? undefined : await format.reach(journal, need, { signal }) });
    } catch (error) {
      if (signal.aborted || !isHoldfastError(error) || error.kind !== "corrupt") throw error;
      problems.push(`snapshot ${shortId(stored.id)} cannot be read: ${error.message}`);
      captures.push({ stored, reach: undefined });
    }
  }
  for (const { stored, reach } of captures) {
    for (const { first, last, count } of reach?.gaps ?? []) {
      const files = count === undefined ? "" : ` (${plural(count, "file")})`;
      problems.push(`after snapshot ${shortId(stored.id)} is missing: ${first} to ${last}${files}`);
    }
  }
  const { currentAtMs } = journal;
  if (currentAtMs === undefined) problems.push("nothing of the journal is stored yet");
  else if (maxAgeMs !== undefined && nowMs - currentAtMs > maxAgeMs) {
    problems.push(
      `it was current ${formatElapsed(nowMs - currentAtMs)} ago, and may be ${formatElapsed(maxAgeMs)} old`,
    );
  }
  const newest = new Map<string, StoredJournalFile>();
  for (const stream of await journal.streams()) {
    const last = (await journal.files(stream, { signal })).reduce<StoredJournalFile | undefined>(
      (latest, file) => (latest === undefined || file.changedAtMs >= latest.changedAtMs ? file : latest),
      undefined,
    );
    if (last !== undefined) newest.set(stream, last);
  }
  return { currentAtMs, newest, captures, problems };
}
