/**
 * What can be protected: the contract of every kind of source.
 *
 * A kind (a database, what a program exports …) opens what the configuration names. An opened source is captured into a snapshot, restored from one, and proven: the restored copy is started, or opened, in
 * isolation and examined. No kind knows repositories, schedules or the command line.
 *
 * Every kind keeps these promises, and the conformance suite (`testing/`) asks them of the real thing:
 * - A capture that is not whole fails. Output that is empty, cut off or implausibly small is never a success.
 * - Nothing large is written to this host's disks, where the workload allows it; what is, is removed again, also after a failure.
 * - Nothing that runs or is stored is changed by a capture. What was paused, frozen or locked goes on, whatever happens.
 * - A restore overwrites nothing that it was not told to overwrite, and refuses before it has changed anything.
 * - A proof touches neither the original nor anything that the original would take for itself.
 * - On abort, every call ends what it has started and rejects with the signal's reason.
 */
import type { AlreadyStored, GivenEntry, Id, SelectionRules } from "@holdfast/engine";
import type { z } from "zod";
import type { CapturedTree } from "./captured-tree.ts";
import type { CaptureFacts, StoredFacts } from "./facts.ts";
import type { JournalFormat, JournalReader, JournalSource } from "./journal.ts";
import type { RecoveryTarget } from "./recovery-target.ts";
import type { SourceSurroundings } from "./surroundings.ts";

export interface CallOptions {
  readonly signal: AbortSignal;
}

/** One kind of source: postgres, sqlite, files … */
export interface SourceKind<Settings = unknown> {
  /** As the configuration names it. */
  readonly kind: string;
  /** What the configuration says of such a source, besides what all sources have; a strict object. */
  readonly settings: z.ZodType<Settings>;
  /** @param name as the configuration calls it: part of paths in snapshots */
  open(name: string, settings: Settings, surroundings: SourceSurroundings): Source;
  /** Present when the kind has a journal that can be stored. */
  readonly journal?: JournalFormat;
}

export interface Source {
  /**
   * Checks that everything needed is there (tools and their versions, credentials, the server), before anything is read.
   * @throws SOURCES_TOOL_MISSING, SOURCES_TOOL_TOO_OLD, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS
   */
  capture(options: CaptureOptions): Promise<Capture>;
  /**
   * @throws SOURCES_FORM_UNKNOWN, SOURCES_TARGET_NOT_EMPTY, SOURCES_TARGET_RUNNING, SOURCES_DAMAGED, and as `capture`
   */
  restore(captured: CapturedTree, options: RestoreOptions): Promise<RestoreReport>;
  /** @throws only when it could not be tried, as SOURCES_TOOL_MISSING: what was tried and failed is in the report */
  prove(captured: CapturedTree, options: ProveOptions): Promise<ProofReport>;
  /** In which forms it can be restored, the usual one first. */
  readonly forms: readonly RestoreForm[];
  /** Present when this source writes a journal that Holdfast can take from its server. */
  readonly journal?: JournalSource;
  /** Whether a capture, with the journal after it, can be brought to there. Absent: no capture can be brought anywhere. */
  reaches?(facts: StoredFacts, until: RecoveryTarget): boolean;
}

/** A journal, and up to where it is replayed. */
export interface Recovery {
  readonly journal: JournalReader;
  readonly until: RecoveryTarget;
}

export interface CaptureOptions extends CallOptions {
  /** Something that the user must know, and that is no failure. */
  readonly onWarning: (warning: SourceWarning) => void;
  /** Where it goes. Absent: nothing is known of it, and everything is read. */
  readonly destination?: CaptureDestination;
}

/** For kinds that need not read again what an earlier snapshot has. */
export interface CaptureDestination {
  /** Tells the repository from others. */
  readonly repository: string;
  /**
   * The capture of this source that the new snapshot will be compared with; `undefined` when there is none, or none that can be used.
   * It lists snapshots and reads the index, so who does not need it does not ask. Asking again gives the same.
   */
  previous(): Promise<PreviousCapture | undefined>;
}

export interface PreviousCapture {
  readonly snapshot: Id;
  readonly facts: StoredFacts;
}

export interface SourceWarning {
  /** Stable, for programs: `no-routines`, `not-transactional` … */
  readonly code: string;
  readonly message: string;
}

/** What goes into the snapshot. `close` must be called, however the capture ends. */
export interface Capture {
  /** What the snapshot names as its paths. The same for every capture of a source, as snapshots are grouped by them. */
  readonly paths: readonly string[];
  /** Made by the source. The path of each is below the path of the capture. */
  readonly entries: AsyncIterable<GivenEntry>;
  /** The same, taken over from what is stored where nothing has changed; asked for instead where that is known. */
  entriesBeside?(stored: AlreadyStored): AsyncIterable<GivenEntry>;
  /** What is left out of real folders among the entries. Default: nothing. */
  readonly rules?: SelectionRules;
  /** What was found out about the capture. To be asked once the entries were taken to their end. */
  facts(): CaptureFacts;
  /** Thaws, ends and removes what the capture has frozen, started and made. May be called twice. */
  close(): Promise<void>;
}

export interface RestoreForm {
  /** `server`, `folder`, `cluster` … */
  readonly name: string;
  /** One line. */
  readonly description: string;
}

export interface RestoreOptions extends CallOptions {
  /** One of the source's forms. Default: the first. */
  readonly form?: string;
  /** The folder that the user has named, for forms that write files: empty, or not there yet. */
  readonly folder?: string;
  /** Settings that take the place of the source's own, such as another host or port; checked by the kind's schema. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What is there may be replaced. Default: it is refused. */
  readonly overwrite?: boolean;
  /** Goes on from the capture by its journal. Absent: it stays as it was captured. Only for sources that have `reaches`. */
  readonly recovery?: Recovery;
  readonly onWarning: (warning: SourceWarning) => void;
  readonly onStep: (step: string) => void;
}

export interface RestoreReport {
  /** What was made, one line each: `database shop: 14 tables, 1.2 GiB`. */
  readonly restored: readonly string[];
  /** Where it is now. */
  readonly place: string;
  /** What a person has to do by hand. */
  readonly remaining: readonly string[];
}

export interface ProveOptions extends CallOptions {
  /** An empty folder with room for the restored copy, which is removed by the caller. */
  readonly scratch: string;
  /** As for a restore. */
  readonly recovery?: Recovery;
  readonly onStep: (step: string) => void;
}

export interface ProofReport {
  readonly checks: readonly ProofCheck[];
  /** From the beginning until the copy was usable; `undefined` when it never was. */
  readonly usableAfterMs: number | undefined;
  /** What shows it to a person: the end of a console's log, a picture of a screen. Small. */
  readonly evidence?: readonly ProofEvidence[];
}

export interface ProofEvidence {
  /** A file name. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One thing that was looked at. */
export interface ProofCheck {
  readonly name: string;
  readonly passed: boolean;
  /** What was seen: numbers, versions, or what the tool said. */
  readonly detail: string;
  readonly elapsedMs: number;
}

/** Nothing looked at is nothing proven. */
export function isProven({ checks }: ProofReport): boolean {
  return checks.length > 0 && checks.every(({ passed }) => passed);
}
