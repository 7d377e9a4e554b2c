/**
 * Moves stored blobs into new packs: of another repository, with its own key, or of the same one, when packs are to be removed.
 * Each part of a pack is read once into shared memory; worker threads open the blobs in it, compare their hashes and seal them
 * into new packs. Packs are stored before the index files that name them. What is read and what is written are both bounded in
 * bytes: a store that is slow to take packs makes the reading wait.
 */
import { availableParallelism } from "node:os";
import { forEachConcurrent, isHoldfastError, messageOf } from "@holdfast/base";
import { loadInto } from "@holdfast/storage";
import type { BlobType, Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { PackIntake } from "../packs/pack-intake.ts";
import { isCold, needsWarmUp, warmPacks } from "../packs/warm-packs.ts";
import { PackPool, PackSealer, type FinishedPack } from "../packs/pack-pool.ts";
import { returnLargeAllocations } from "../platform/native-heap.ts";
import type { CompressionMode } from "../platform/zstd.ts";
import { adoptPacks, type AdoptResult } from "../repository/adopt-packs.ts";
import type { Repository } from "../repository/repository.ts";
import { startAhead } from "../workers/started-threads.ts";
import { MAX_BLOB_BYTES, type Moved, type Recompression } from "./messages.ts";
import { SegmentMemory } from "./segment-memory.ts";
import { halvesOf, segmentsOf, type Segment } from "./segments.ts";
import { TRANSFER_WORKER, TransferThreads } from "./transfer-threads.ts";

/** What every thread works on, and as much again on its way. */
const READ_BYTES_PER_THREAD = 10 * 1024 * 1024;
/** How long an interrupted run may take to record what it has stored. */
const RECORD_MS = 700;

/** A blob that could not be read, or is damaged: it was not moved. */
export interface LostTransfer {
  /** Its number in the source's index. */
  readonly entry: number;
  readonly type: BlobType;
  readonly id: Id;
  readonly reason: string;
}

export interface TransferProgress {
  readonly blobs: number;
  /** As they were stored. */
  readonly bytes: number;
}

export interface TransferOptions {
  readonly from: Repository;
  readonly fromIndex: BlobIndex;
  /** The same objects as `from` and `fromIndex` when packs are made anew within a repository. */
  readonly to: Repository;
  /** Gets the new places as packs are stored. */
  readonly toIndex: BlobIndex;
  readonly packSizeBytes: number;
  readonly compression: CompressionMode;
  /** Which blobs are compressed anew. All are stored uncompressed in a repository of version 1. */
  readonly recompress: Recompression;
  /** Worker threads; as many as the machine has processors, but at least 2, if absent. */
  readonly workers?: number;
  readonly signal: AbortSignal;
  /** Called after each part of a pack, with all that was moved so far. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
  readonly onLost?: ((lost: LostTransfer) => void) | undefined;
}

export interface TransferResult extends TransferProgress {
  /** As they are stored now. */
  readonly storedBytes: number;
  readonly lost: number;
  readonly newPacks: readonly Id[];
}

/** Entries of the source's index that lie in one pack. */
export interface EntriesOfPack {
  readonly pack: number;
  readonly entries: Uint32Array;
}

/**
 * Moves all of these blobs, stores the packs and the index files that list them.
 *
 * Every blob is stored, whatever the target's index knows. One that cannot be read or is damaged is reported to `onLost`, and
 * the rest goes on. Nothing is removed. Both repositories must be locked by the caller.
 * @throws what the backends throw when they are out of reach or refuse to store; on abort the signal's reason. Packs that were
 * stored by then are recorded in an index file.
 */
export async function transferBlobs(
  entriesByPack: Iterable<EntriesOfPack>,
  options: TransferOptions,
): Promise<TransferResult> {
  return withTransfer(options, (transfer) => transfer.move(entriesByPack));
}

/**
 * As `transferBlobs`, for blobs that become known one lot after the other: packs are filled across lots.
 * @param run its end is the end of the transfer: what it has moved is then stored and listed
 */
export async function withTransfer(
  options: TransferOptions,
  run: (transfer: Transfer) => Promise<void>,
): Promise<TransferResult> {
  const transfer = new Transfer(options);
  try {
    await run(transfer);
    await transfer.settle();
    await transfer.stop();
    return transfer.result();
  } catch (error) {
    await transfer.interrupt(error);
    throw error;
  }
}

export class Transfer {
  readonly #options: TransferOptions;
  readonly #pool: PackPool;
  readonly #intake: PackIntake;
  readonly #threads: TransferThreads;
  readonly #memory: SegmentMemory;
  readonly #workers: number;
  readonly #onAbort: () => void;
  readonly #newPacks: Id[] = [];
  #blobs = 0;
  #bytes = 0;
  #storedBytes = 0;
  #lost = 0;

  /** Use `withTransfer`, which ends the threads as well. */
  constructor(options: TransferOptions) {
    const { from, fromIndex, to, toIndex, signal, compression, recompress, packSizeBytes } = options;
    returnLargeAllocations();
    this.#options = options;
    this.#workers = threadsFor(options.workers);
    // Three open packs, and as many on their way to the store as keep threads from waiting for it.
    const slots = 3 + Math.max(2, Math.ceil(this.#workers / 2));
    this.#pool = PackPool.create({ packSizeBytes, slots });
    this.#memory = new SegmentMemory((this.#workers + 1) * READ_BYTES_PER_THREAD);
    const onFailure = (error: unknown): void => this.#fail(error);
    this.#intake = new PackIntake({ repository: to, index: toIndex, pool: this.#pool, signal, onFailure });
    this.#threads = new TransferThreads({
      workers: this.#workers,
      data: {
        fromKey: from.masterKey,
        fromIndex: fromIndex.shared,
        toKey: to.masterKey,
        toVersion: to.config.version,
        pool: this.#pool.shared,
        compression,
        recompress,
      },
      onPack: (pack) => this.#takePack(pack),
      onFailure,
    });
    this.#onAbort = () => this.#fail(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Starts threads ahead of a transfer that is about to come. Only saves time. @param workers as in `TransferOptions` */
  static startThreads(workers?: number): void {
    startAhead(TRANSFER_WORKER, threadsFor(workers));
  }

  /**
   * Takes over packs in the target that a run which was cut off has stored and not listed: their blobs need not be stored
   * again. What was in packs that the target has lost is taken out of its index in memory.
   * @returns how many packs were taken over, and how many are missing. @throws what the target throws; on abort the signal's reason
   */
  adopt(): Promise<AdoptResult> {
    const { to, toIndex, signal } = this.#options;
    return adoptPacks(to, toIndex, { signal, take: (pack) => this.#intake.adopt(pack) });
  }

  /** Moves one lot. Its last packs stay open for the next one. @throws as `transferBlobs` */
  async move(entriesByPack: Iterable<EntriesOfPack>): Promise<void> {
    const { from, fromIndex, signal } = this.#options;
    signal.throwIfAborted();
    if (needsWarmUp(from)) {
      const lot = [...entriesByPack];
      const ids = lot.map(({ pack }) => fromIndex.packId(pack));
      await warmPacks(from, ids, { signal });
      return this.#moveAll(lot);
    }
    return this.#moveAll(entriesByPack);
  }

  async #moveAll(entriesByPack: Iterable<EntriesOfPack>): Promise<void> {
    const { from, signal } = this.#options;
    const atOnce = this.#workers + Math.max(1, from.backend.capabilities.maxConcurrency);
    await forEachConcurrent(
      this.#segments(entriesByPack),
      atOnce,
      (segment, inner) => this.#moveSegment(segment, inner),
      { signal },
    );
  }

  /** Stores all that was moved so far, and index files that list it. @throws as `transferBlobs` */
  async settle(): Promise<void> {
    const { to } = this.#options;
    new PackSealer(this.#pool, to.masterKey, (pack) => this.#takePack(pack)).flush();
    await this.#intake.finish();
  }

  result(): TransferResult {
    return {
      blobs: this.#blobs,
      bytes: this.#bytes,
      storedBytes: this.#storedBytes,
      lost: this.#lost,
      newPacks: this.#newPacks,
    };
  }

  async stop(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#pool.abort();
    await this.#threads.stop();
  }

  /** Ends everything after a failure, and records what was stored. */
  async interrupt(error: unknown): Promise<void> {
    this.#fail(error);
    this.#intake.interrupt();
    await this.stop();
    await this.#intake.recordInterrupted(AbortSignal.timeout(RECORD_MS));
  }

  *#segments(entriesByPack: Iterable<EntriesOfPack>): Generator<Segment> {
    for (const { pack, entries } of entriesByPack) yield* segmentsOf(this.#options.fromIndex, pack, entries);
  }

  async #moveSegment(segment: Segment, signal: AbortSignal): Promise<void> {
    if (segment.lengthBytes > MAX_BLOB_BYTES) return this.#lose(segment, `it claims ${segment.lengthBytes} bytes`);
    const failure = await this.#memory.lend(segment.lengthBytes, async (bytes) => {
      const unread = await this.#read(segment, bytes, signal);
      if (unread !== undefined) return unread;
      const { offset, entries } = segment;
      this.#takeResult(await this.#threads.run({ kind: "move", bytes, offset, entries }));
      return undefined;
    });
    if (failure === undefined) return;
    if (failure.isWholePack || segment.entries.length < 2) return this.#lose(segment, failure.reason);
    // A part of the disk, or the end of the pack: the blobs around it are saved.
    for (const half of halvesOf(this.#options.fromIndex, segment)) await this.#moveSegment(half, signal);
  }

  /** @returns why it could not be read; throws when it is the store that cannot be reached */
  async #read(
    { pack, offset }: Segment,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ reason: string; isWholePack: boolean } | undefined> {
    const { backend } = this.#options.from;
    try {
      await loadInto(backend, { type: "pack", name: this.#options.fromIndex.packId(pack) }, offset, bytes, { signal });
      return undefined;
    } catch (error) {
      if (signal.aborted || !isHoldfastError(error) || !UNREADABLE.has(error.kind) || isCold(error)) throw error;
      // A disk that is gone has no packs either; that is no loss.
      const config = await backend.stat({ type: "config", name: "" }, { signal }).catch(() => undefined);
      if (config === undefined) throw error;
      const isWholePack = error.kind === "not-found" || error.kind === "permission";
      return { reason: messageOf(error), isWholePack };
    }
  }

  #lose({ entries }: Segment, reason: string): void {
    for (const entry of entries) this.#loseEntry(entry, reason);
  }

  #loseEntry(entry: number, reason: string): void {
    const { fromIndex, onLost } = this.#options;
    this.#lost++;
    onLost?.({ entry, type: fromIndex.typeAt(entry), id: fromIndex.idAt(entry), reason });
  }

  #takeResult({ blobs, bytes, storedBytes, lost }: Moved): void {
    this.#blobs += blobs;
    this.#bytes += bytes;
    this.#storedBytes += storedBytes;
    for (const { entry, reason } of lost) this.#loseEntry(entry, reason);
    this.#options.onProgress?.({ blobs: this.#blobs, bytes: this.#bytes });
  }

  #takePack(pack: FinishedPack): void {
    this.#newPacks.push(pack.id);
    this.#intake.accept(pack);
  }

  #fail(error: unknown): void {
    this.#pool.abort();
    this.#threads.fail(error);
  }
}

/** What a pack that cannot be read may answer with. */
const UNREADABLE: ReadonlySet<string> = new Set(["corrupt", "not-found", "permission", "unavailable"]);

function threadsFor(workers: number | undefined): number {
  return workers ?? Math.max(2, availableParallelism());
}
