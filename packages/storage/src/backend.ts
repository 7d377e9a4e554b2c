/**
 * The contract between the engine and a place that holds a repository's bytes.
 *
 * Guarantees that every backend owes (the conformance suite in `testing/` checks them):
 * - **Durable**: when `save` resolves, the bytes survive a crash of the process and, as far as the medium can, of the machine.
 * - **Atomic**: a file is visible whole or not at all; a failed or aborted `save` leaves nothing under its name.
 * - **Read after write**: `load`, `stat` and `list` see a file once its `save` has resolved, and do not see it once `remove` has.
 * - Names are checked: a key that is not a well-formed name of its type is refused before anything is touched.
 * - The outcome of a call that failed with a transient error may be unknown (the answer got lost): the file is there whole or
 *   not at all, and the caller may repeat the call.
 *
 * A backend does not retry and does not cache: decorators do (`decorators/`), in the one order that `compose.ts` writes down.
 * It classifies its failures (`HoldfastError.kind`, `.transient`). An abort rejects with the signal's reason.
 */

import type { FileType } from "./file-type.ts";
import type { RemovalPlans } from "./plans/removal-plan.ts";

export type { FileType };

/** Names one file. `name` is 64 lower-case hex digits, and empty for `config`. */
export interface FileKey {
  readonly type: FileType;
  readonly name: string;
}

/** What is known of a stored file without reading it. */
export interface FileInfo {
  readonly name: string;
  readonly sizeBytes: number;
  /** When the store received the file, if it can tell. Milliseconds since 1970. */
  readonly receivedAtMs?: number;
  /** Until when the store lets nobody delete it, if it has such a lock and was asked for this one file. Milliseconds since 1970. */
  readonly retainedUntilMs?: number;
  /** The store's clock when it said so; milliseconds since 1970. Ours may be wrong. */
  readonly storeTimeMs?: number;
}

/** For how long a file is to be locked, by the store's clock: a wrong one here must lock nothing for a century. Milliseconds. */
export interface RetentionWish {
  readonly forMs: number;
  /** A lock that has so much left is left alone. Default: `forMs`. */
  readonly unlessLeftMs?: number;
}

/** How the lock of a file stands after a wish. Milliseconds since 1970. */
export interface RetentionOutcome {
  readonly isExtended: boolean;
  /** As it was read back. */
  readonly untilMs: number;
  /** Absent where there was no lock. */
  readonly beforeMs?: number;
}

/** A body that can be replayed, so that a retry can send it again. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Starts a fresh pass over the bytes; may be called any number of times. Chunks are only valid until the next one is taken. */
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A part of a file. Past its end is an error (`STORAGE_RANGE`), never a short read. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** What a place can do; the engine asks here and never for a provider's name. */
export interface Capabilities {
  /** `save` without `ifAbsent` over an existing name replaces it atomically. */
  readonly atomicReplace: boolean;
  /** `save` with `ifAbsent` is decided by the store itself, safe against a concurrent writer. */
  readonly conditionalPut: boolean;
  /** `FileInfo.receivedAtMs` comes from the store's own clock. */
  readonly serverTime: boolean;
  /** How many calls at once make sense. */
  readonly maxConcurrency: number;
  /** Up to how many may be tried where more of them move more. Left out: `maxConcurrency` is meant as it is. */
  readonly mostConcurrency?: number;
  /** After how long other machines see what was saved here; 0 where it is in everybody's next listing. */
  readonly settleMs: number;
  /**
   * Where it is there, each file that is saved, locks excepted, is locked for so many days: nobody can delete it for good, and
   * `remove` only hides it. `save` has proven that it holds. `GOVERNANCE` may be lifted by whoever has that right (we do not),
   * `COMPLIANCE` by nobody.
   */
  readonly objectLock?: { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number };
  /** `stat` tells until when a file is locked, whether or not this place locks what is saved. */
  readonly tellsRetention?: true;
  /** What is removed is only hidden, and its space not free. Known once something was removed. */
  readonly hidesRemoved?: boolean;
  /** Files in a cold class are asked for, and waited for, as long as this says; see `Backend.requestWarm`. */
  readonly warmUp?: { readonly timeoutMs: number };
  /** Nothing can be written here, so that a run that only reads takes no lock, and one that writes need not begin. */
  readonly isReadOnly?: true;
}

export interface CallOptions {
  readonly signal: AbortSignal;
}

export interface PeekOptions extends CallOptions {
  /** The part that is wanted; default: the whole file. */
  readonly range?: ByteRange | undefined;
  /** More than that does not come along. */
  readonly maxBytes: number;
}

/** A file that was looked at. */
export interface PeekedFile {
  readonly info: FileInfo;
  /** What was wanted, in memory of its own. Absent where that is too much, or reaches past the end of the file. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** Facts of one file, and its bytes where they are few; `undefined` when it does not exist. */
export type PeekFile = (key: FileKey, options: PeekOptions) => Promise<PeekedFile | undefined>;

/** As `Backend.list`, many files at a time; none of the arrays need be full. */
export type ListBatches = (type: FileType, options: CallOptions) => AsyncIterable<readonly FileInfo[]>;

export interface LoadOptions extends CallOptions {
  /**
   * Memory, also shared, of exactly the length of the range. A backend that can may read into it and hand it over as the only
   * chunk; the consumer looks whether the chunk is this memory. Saves an allocation and a copy where many ranges are read.
   */
  readonly into?: Uint8Array;
}

export interface RemoveOptions extends CallOptions {
  /** Whether it was there matters to nobody: a place that would have to ask for that need not, and then resolves either way. */
  readonly mayBeAbsent?: boolean;
}

export interface SaveOptions extends CallOptions {
  /** Nothing but a restore or a check of all data reads the file, so that it may lie in a class that is not read at once. */
  readonly mayBeCold?: boolean;
  /** Fail with `STORAGE_EXISTS` rather than replace. */
  readonly ifAbsent?: boolean;
}

/**
 * Asks for a file that lies in a class which cannot be read at once to be made readable for some days. That takes minutes to
 * hours and costs money. Asked again, it tells how far that is.
 * @returns `warm` where it can be read now, `warming` where it will be
 * @throws STORAGE_NOT_FOUND, STORAGE_PERMISSION, STORAGE_UNAVAILABLE
 */
export type RequestWarm = (key: FileKey, options: CallOptions) => Promise<"warm" | "warming">;

export interface MoveOptions extends CallOptions {
  /** Called after each file, also for one that was not there. */
  readonly onMoved?: (name: string) => void;
}

/**
 * Files of one type become files of another, under the same names, and their bytes stay where they are. Each counts as received
 * now. When it resolves, this is durable; cut off anywhere, each file is of the one type, of the other, or of both. Files that
 * are not there are passed over.
 * @returns the names of those that cannot be moved in this place, which are as they were
 * @throws STORAGE_FULL, STORAGE_PERMISSION, STORAGE_UNAVAILABLE
 */
export type MoveFiles = (
  from: MovableType,
  to: MovableType,
  names: readonly string[],
  options: MoveOptions,
) => Promise<string[]>;

/**
 * Holds back every call that is not about a lock, also one that is being repeated, until the returned function is called. What
 * is under way goes on. For whoever has to find out first whether work may go on at all.
 */
export type PauseCalls = () => () => void;

/** Types whose files lie in one folder and are named like each other. */
export type MovableType = "snapshot" | "forgotten";

export interface Backend {
  /** Where it is, for people and messages. Holds no secret. */
  readonly location: string;
  readonly capabilities: Capabilities;

  /** Makes the empty layout. Harmless on one that is there already. */
  initialize(options: CallOptions): Promise<void>;

  /** Stores a file. @throws STORAGE_EXISTS, STORAGE_FULL, STORAGE_PERMISSION, STORAGE_UNAVAILABLE */
  save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void>;

  /**
   * Hands the bytes of a file, or of one range, to `consume`, and returns what it returns. A decorator may call `consume`
   * again after a failure, so it must start afresh each time.
   *
   * The first chunk is handed over: `consume` may keep or change it, as a load in one chunk then needs no copy. Any later chunk
   * is only valid until the next one is taken. An empty file or range has no chunk. An error that `consume` throws comes out
   * as it is. `consume` must not wait for another call of the same backend, whose number of calls at once may be limited.
   * @throws STORAGE_NOT_FOUND, STORAGE_RANGE, STORAGE_PERMISSION, STORAGE_UNAVAILABLE, STORAGE_COLD for a file that lies in a class
   * which cannot be read at once
   */
  load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T>;

  /** Facts of one file; `undefined` when it does not exist. */
  stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined>;

  /**
   * Every file of one type, in no particular order, each once; what is saved or removed meanwhile may be in it or not. Foreign
   * names in the place are skipped. The caller may use the backend while it iterates.
   * @throws STORAGE_PERMISSION, STORAGE_UNAVAILABLE
   */
  list(type: FileType, options: CallOptions): AsyncIterable<FileInfo>;

  /** Removes a file. @throws STORAGE_NOT_FOUND, STORAGE_RETAINED where a lock forbids it */
  remove(key: FileKey, options: RemoveOptions): Promise<void>;

  /**
   * Locks a file for longer, where `capabilities.objectLock` says that there are such locks; never for less than it is locked.
   * The new time was read back when this resolves.
   * @throws STORAGE_NOT_FOUND, STORAGE_NO_RETENTION when the store does not keep the lock, or has none
   */
  extendRetention?(key: FileKey, wish: RetentionWish, options: CallOptions): Promise<RetentionOutcome>;

  /** Where `capabilities.warmUp` says so. */
  readonly requestWarm?: RequestWarm | undefined;

  /** Only in places where it costs less than `stat` and `load` do. */
  readonly peek?: PeekFile | undefined;

  /** Only in places where it costs less than `list` does. */
  readonly listBatches?: ListBatches | undefined;

  /** Only in places that can do better than a copy. */
  readonly move?: MoveFiles | undefined;

  /** Only in a backend as `composeBackend` makes it. */
  readonly pauseCalls?: PauseCalls | undefined;

  /** Only in places that remove files by plans alone, locks excepted; known once the place has answered. */
  readonly removalPlans?: RemovalPlans | undefined;

  close(): Promise<void>;
}
