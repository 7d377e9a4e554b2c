/**
 * Journals: what a workload writes of every change, in files of a fixed order (the WAL of PostgreSQL, the binary logs of MariaDB). With
 * a capture and the journal from there on, a source comes back as it was at any time between.
 *
 * A journal has streams: one for each server whose files have the same names and another content. Which stream a file belongs to stands
 * in the file, so that the journals of two servers never mix.
 */
import type { StoredFacts } from "./facts.ts";
import type { CallOptions } from "./source.ts";

/** A file of this machine that belongs into a journal. */
export interface JournalFile {
  readonly path: string;
  readonly stream: string;
  /** Its name in the journal. A file that is still being written has the name that it will have. */
  readonly name: string;
  /** It is still being written: it may be replaced by more of it, and by the finished file. */
  readonly isPartial: boolean;
  /** So much of it counts; what follows is empty. All of it, when it is finished. */
  readonly usedBytes: number;
  /** When it was changed last; nanoseconds since 1970. */
  readonly changedAtNs: bigint;
}

/** A file in the journal of a repository. */
export interface StoredJournalFile {
  readonly name: string;
  readonly isPartial: boolean;
  readonly sizeBytes: number;
  /** When its workload changed it last; milliseconds since 1970. */
  readonly changedAtMs: number;
}

/** Everything that repositories hold of a journal. */
export interface JournalReader {
  streams(options: CallOptions): Promise<readonly string[]>;
  /** In the order of names; none when there is no such stream. Where a file is there finished, its beginning is not listed. */
  files(stream: string, options: CallOptions): Promise<readonly StoredJournalFile[]>;
  /** The content as it was stored: of a partial file only what counts. @throws SOURCES_NO_JOURNAL_FILE, and what reading the repository throws */
  read(stream: string, name: string, options: CallOptions): AsyncIterable<Uint8Array>;
}

/** From where on a capture needs the journal. */
export interface JournalNeed {
  readonly stream: string;
  /** The first file. */
  readonly from: string;
}

/** Files that are missing between others. */
export interface JournalGap {
  readonly first: string;
  readonly last: string;
  /** How many; `undefined` where names do not tell. */
  readonly count: number | undefined;
}

/** How far one can go from a place in a journal. */
export interface JournalReach {
  /** The last file before the first gap; `undefined` when there is none. */
  readonly last: StoredJournalFile | undefined;
  /** Where its content ends, in the workload's own terms: `timeline 1, LSN 0/3000060`. */
  readonly position: string | undefined;
  readonly gaps: readonly JournalGap[];
}

/** What a kind knows of its journal. All but `examine` and `reach` only looks at names. */
export interface JournalFormat {
  /** What its files are called in messages: `WAL segment`. */
  readonly fileTitle: string;
  /** Looks at a file that is to be pushed. @throws SOURCES_NOT_JOURNAL */
  examine(path: string, options: CallOptions): Promise<JournalFile>;
  /** The folder in which a file lies in its stream: few enough files that it is rewritten cheaply. The same for each name for ever. */
  folderOf(name: string): string;
  /** `undefined` for a capture that needs no journal. @throws SOURCES_DAMAGED */
  neededFrom(facts: StoredFacts): JournalNeed | undefined;
  /** Whether going on from the file `from` could need this file. */
  isNeeded(name: string, from: string): boolean;
  reach(journal: JournalReader, need: JournalNeed, options: CallOptions): Promise<JournalReach>;
  /** The file as the workload wrote it, from what was stored: a partial one may have to be filled up. */
  restored(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** The stream that belongs to what lies in a folder, such as the data folder of a server; `undefined` when that cannot be told. */
  streamIn(folder: string, options: CallOptions): Promise<string | undefined>;
}

/** Takes the journal from a server as it is written. */
export interface JournalFollowing extends CallOptions {
  /** The folder for its files; what lies in it from an earlier time is gone on with. */
  readonly spool: string;
  /** The server has let us in, and gives what it writes from now on. */
  readonly onFollowing?: () => void;
}

/** What a journal follows: part of a source whose kind has a journal. */
export interface JournalSource {
  /**
   * Has finished files appear in the spool folder under their names, and the one that is being written, until the signal is aborted or the
   * connection breaks; the caller begins anew.
   * @throws SOURCES_JOURNAL_REMOVED when what comes next is gone: with an empty folder it begins with what the server still has;
   *   SOURCES_TOOL_MISSING, SOURCES_TOOL_FAILED, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS
   */
  follow(options: JournalFollowing): Promise<void>;
  /** Files of the spool folder that are needed to go on there after a pause, and so are not removed, of those that could be. */
  keptInSpool(names: readonly string[]): readonly string[];
  /** Everything is kept, also what no capture in the repository needs any more. */
  readonly keepsAll: boolean;
  /** How often the file that is being written is stored; milliseconds. */
  readonly partialEveryMs: number;
}
