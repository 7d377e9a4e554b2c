/**
 * From where a restore reads: one copy of the repository at a time, and others that stand by. A single blob that is lost in the one
 * is taken from another. When the one is out of reach, comes to a halt, becomes far slower than it was, or has lost much, the restore
 * goes on from another, in the middle of what it is doing: nothing that was restored is touched again.
 */
import { isHoldfastError, messageOf, orAborted } from "@holdfast/base";
import { systemClock } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import { idToBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobLocation } from "../index/blob-index.ts";
import { CopyReader, type OpenedCopy, type StandbyCopy } from "./copy-reader.ts";
import type { EntriesWork } from "./messages.ts";
import type { Stall } from "./pace.ts";
import { isLoss } from "./range-loader.ts";

/** So long all of them may be silent before the restore gives up, as a single one may be. */
const PATIENCE_MS = 15 * 60_000;
/** A copy that failed is not tried again before that. */
const REST_MS = 5_000;
/** A copy that opens more slowly is not waited for. */
const OPEN_MS = 60_000;
/** So many damaged packs, and the copy is left: blob by blob would take long. */
const MANY_PACKS = 16;
/** Another copy must be so many times as fast for a slow one to be left. */
const FASTER_TIMES = 4;

/** The restore goes on from another copy. */
export interface CopyChange {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** What one copy could not give, and others could. */
export interface CopyDamage {
  readonly location: string;
  readonly packs: readonly Id[];
  readonly blobs: number;
}

export interface CopiesParts {
  readonly first: OpenedCopy;
  readonly standby: readonly StandbyCopy[];
  /** The tree that is restored; a copy without it can give single blobs only. */
  readonly root: Id | undefined;
  readonly signal: AbortSignal;
  readonly haltMs?: number | undefined;
  /** Called before anything else is read. */
  onSource(reader: CopyReader): void;
  onChange(change: CopyChange): void;
}

interface Candidate {
  readonly copy: StandbyCopy;
  /** Why it is out of the question for good. */
  isDead: boolean;
  isPartial: boolean;
  /** When it failed last, by the monotonic clock. */
  failedMs: number | undefined;
  /** For single blobs. */
  reader: CopyReader | undefined;
}

/** A tree as it is stored in the copy that is read, or its plain bytes from wherever. */
export interface StoredTree {
  readonly work: Pick<EntriesWork, "form" | "tree" | "uncompressedBytes">;
  readonly bytes: Uint8Array;
}

/** Nowhere to be had. */
export interface Lost {
  readonly lost: string;
}

export class Copies {
  readonly #parts: CopiesParts;
  readonly #candidates: Candidate[];
  readonly #damages = new Map<string, { packs: Set<Id>; blobs: Set<string> }>();
  #current: CopyReader;
  #at: Candidate;
  #changing: Promise<void> | undefined;
  #lastByteMs = performance.now();
  #sources = 0;
  #seenMs = -Infinity;

  constructor(parts: CopiesParts) {
    this.#parts = parts;
    const { location } = parts.first.repository.backend;
    const first: StandbyCopy = { location, open: () => Promise.resolve(parts.first) };
    this.#candidates = [first, ...parts.standby].map(candidate);
    this.#at = this.#candidates[0] as Candidate;
    this.#current = this.#reader(parts.first);
  }

  /** The copy that is read now. */
  get current(): CopyReader {
    return this.#current;
  }

  /** What was damaged in copies and came from others. */
  get damages(): CopyDamage[] {
    return [...this.#damages].map(([location, { packs, blobs }]) => ({
      location,
      packs: [...packs],
      blobs: blobs.size,
    }));
  }

  placeOf(tree: Id): BlobLocation | undefined {
    return this.#current.index.find("tree", idToBytes(tree), 0);
  }

  /** @throws when no copy can be reached */
  tree(id: Id): Promise<StoredTree | Lost> {
    return this.#fromCurrent(async (reader) => {
      const place = reader.index.find("tree", idToBytes(id), 0);
      if (place !== undefined) {
        try {
          const bytes = await reader.trees.load(place, reader.signal);
          return { work: { form: "sealed", tree: id, uncompressedBytes: place.uncompressedBytes }, bytes };
        } catch (error) {
          if (!isLoss(error) || reader.signal.aborted) throw error;
        }
      }
      const blob = await this.#anyPlace(reader, "tree", id);
      return "lost" in blob ? blob : { work: { form: "plain", tree: id, uncompressedBytes: 0 }, bytes: blob.bytes };
    });
  }

  /** The plain bytes of a blob, from any copy. @throws when no copy can be reached */
  blob(type: BlobType, id: Id): Promise<{ readonly bytes: Uint8Array } | Lost> {
    return this.#fromCurrent((reader) => this.#anyPlace(reader, type, id));
  }

  /**
   * Loads ranges of packs.
   * @param source the number of the copy whose packs they are
   * @returns as `RangeLoader.load`; `undefined` when the restore has gone over to another copy, whose packs are others
   */
  async load(source: number, ranges: Float64Array, room: SharedArrayBuffer): Promise<number[] | undefined> {
    const reader = this.#current;
    if (reader.number !== source) return undefined;
    try {
      return await this.#unlessLeft(reader, reader.ranges.load(ranges, room, reader.signal));
    } catch (error) {
      await this.#leave(reader, error);
      return undefined;
    }
  }

  close(reason: unknown): void {
    this.#current.leave(reason);
    for (const { reader } of this.#candidates) reader?.leave(reason);
  }

  get #isAlone(): boolean {
    return this.#candidates.length === 1;
  }

  async #fromCurrent<T>(work: (reader: CopyReader) => Promise<T>): Promise<T> {
    for (;;) {
      const reader = this.#current;
      try {
        return await this.#unlessLeft(reader, work(reader));
      } catch (error) {
        await this.#leave(reader, error);
      }
    }
  }

  /** A read that hangs in a system call is not waited for once its copy is left. */
  #unlessLeft<T>(reader: CopyReader, work: Promise<T>): Promise<T> {
    return this.#isAlone ? work : orAborted(work, reader.signal);
  }

  /** Goes over to another copy; resolves once that is done. @throws `error` when there is none */
  async #leave(reader: CopyReader, error: unknown): Promise<void> {
    this.#parts.signal.throwIfAborted();
    if (this.#isAlone || !isHoldfastError(error) || error.kind === "internal") throw error;
    if (reader !== this.#current) return;
    this.#changing ??= this.#change(reader, error).finally(() => {
      this.#changing = undefined;
    });
    await this.#changing;
  }

  async #change(from: CopyReader, error: unknown): Promise<void> {
    from.leave(error);
    this.#failed(this.#at, error);
    for (;;) {
      const next = await this.#next(error);
      const opened = await this.#open(next);
      if (opened === undefined) continue;
      if (!this.#holdsRoot(opened)) {
        next.isPartial = true;
        continue;
      }
      this.#at = next;
      this.#current = this.#reader(opened);
      this.#parts.onSource(this.#current);
      this.#parts.onChange({ from: from.location, to: this.#current.location, reason: messageOf(error) });
      return;
    }
  }

  #holdsRoot({ index }: OpenedCopy): boolean {
    const { root } = this.#parts;
    return root === undefined || index.has("tree", idToBytes(root), 0);
  }

  #failed(which: Candidate, error: unknown): void {
    which.failedMs = performance.now();
    which.isDead ||= !isHoldfastError(error) || !(error.transient || error.kind === "corrupt");
  }

  /** One that has not failed yet, else the one that rested longest. @throws `error` when all are lost, or were silent too long */
  async #next(error: unknown): Promise<Candidate> {
    for (;;) {
      const able = this.#candidates.filter(({ isDead, isPartial }) => !isDead && !isPartial);
      const [best] = able.sort((a, b) => (a.failedMs ?? 0) - (b.failedMs ?? 0));
      if (best === undefined) throw error;
      const now = performance.now();
      if (best.failedMs === undefined || now - best.failedMs >= REST_MS) return best;
      if (now - this.#lastByteMs > PATIENCE_MS) throw error;
      await systemClock.sleep(REST_MS - (now - best.failedMs), { signal: this.#parts.signal });
    }
  }

  /** `undefined` when it cannot be used now. */
  async #open(which: Candidate): Promise<OpenedCopy | undefined> {
    const late = new AbortController();
    const { signal } = this.#parts;
    try {
      const timeout = systemClock.sleep(OPEN_MS, { signal: AbortSignal.any([signal, late.signal]) });
      const opened = await Promise.race([which.copy.open(), timeout.then(() => undefined)]);
      if (opened === undefined) which.failedMs = performance.now();
      if (opened?.signal?.aborted === true) which.isDead = true;
      return which.isDead ? undefined : opened;
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(which, error);
      return undefined;
    } finally {
      late.abort();
    }
  }

  #reader(copy: OpenedCopy): CopyReader {
    const { signal, haltMs } = this.#parts;
    const number = this.#sources++;
    if (this.#isAlone) return new CopyReader(number, copy, signal, undefined);
    const reader: CopyReader = new CopyReader(number, copy, signal, {
      pace: copy.pace,
      haltMs,
      onBytes: () => {
        this.#lastByteMs = performance.now();
      },
      onStall: (stall) => void this.#stalled(reader, stall),
    });
    return reader;
  }

  async #stalled(reader: CopyReader, stall: Stall): Promise<void> {
    const { location } = reader;
    if (stall.kind === "slow" && !(await this.#hasFaster(stall.bytesPerSecond))) return;
    const reason =
      stall.kind === "halt"
        ? `nothing has come from it for ${Math.round(stall.quietMs / 1000)} s`
        : `it gives ${Math.round(stall.bytesPerSecond / 1024)} KiB/s, far less than was measured`;
    reader.leave(engineError("ENGINE_COPY_STALLED", { location, reason }));
  }

  /** Whether a copy that has not failed was measured to be much faster than that. */
  async #hasFaster(bytesPerSecond: number): Promise<boolean> {
    for (const which of this.#candidates) {
      if (which === this.#at || which.isDead || which.isPartial || which.failedMs !== undefined) continue;
      const pace = (await this.#open(which))?.pace;
      if (pace !== undefined && pace.bytesPerSecond > FASTER_TIMES * bytesPerSecond) return true;
    }
    return false;
  }

  /** From any place in the copy that is read, else from another copy. */
  async #anyPlace(reader: CopyReader, type: BlobType, id: Id): Promise<{ readonly bytes: Uint8Array } | Lost> {
    try {
      return { bytes: await reader.blobs.load(type, id, { signal: reader.signal }) };
    } catch (error) {
      if (!isLoss(error) || reader.signal.aborted) throw error;
      if (!this.#isAlone) await this.#assertThere(reader);
      const bytes = await this.#rescue(reader, type, id);
      return bytes === undefined ? { lost: messageOf(error) } : { bytes };
    }
  }

  /** One whose folder is gone has not lost single packs. @throws ENGINE_NO_REPOSITORY, and what the place throws */
  async #assertThere({ repository, signal, location }: CopyReader): Promise<void> {
    const now = performance.now();
    if (now - this.#seenMs < REST_MS) return;
    const config = await repository.backend.stat({ type: "config", name: "" }, { signal });
    if (config === undefined) throw engineError("ENGINE_NO_REPOSITORY", { location });
    this.#seenMs = now;
  }

  async #rescue(from: CopyReader, type: BlobType, id: Id): Promise<Uint8Array | undefined> {
    for (const which of this.#candidates) {
      const now = performance.now();
      if (which === this.#at || which.isDead || now - (which.failedMs ?? -Infinity) < OPEN_MS) continue;
      const bytes = await this.#single(which, type, id);
      if (bytes === undefined) continue;
      this.#noteDamage(from, type, id);
      return bytes;
    }
    return undefined;
  }

  async #single(which: Candidate, type: BlobType, id: Id): Promise<Uint8Array | undefined> {
    const opened = await this.#open(which);
    if (opened?.index.has(type, idToBytes(id), 0) !== true) return undefined;
    if (which.reader === undefined || which.reader.signal.aborted) which.reader = this.#reader(opened);
    const { reader } = which;
    try {
      return await this.#unlessLeft(reader, reader.blobs.load(type, id, { signal: reader.signal }));
    } catch (error) {
      this.#parts.signal.throwIfAborted();
      if (!isLoss(error)) this.#failed(which, error);
      return undefined;
    }
  }

  #noteDamage(reader: CopyReader, type: BlobType, id: Id): void {
    const { location, index } = reader;
    const damage = this.#damages.get(location) ?? { packs: new Set<Id>(), blobs: new Set<string>() };
    this.#damages.set(location, damage);
    damage.blobs.add(`${type} ${id}`);
    for (const { pack } of index.findAll(type, idToBytes(id), 0)) {
      damage.packs.add(index.packId(pack));
      reader.damagedPacks.add(pack);
    }
    if (reader.damagedPacks.size < MANY_PACKS || reader !== this.#current) return;
    const isWholeAt = this.#candidates.some(
      (which) => which !== this.#at && which.reader !== undefined && which.failedMs === undefined && !which.isPartial,
    );
    if (isWholeAt) reader.leave(engineError("ENGINE_COPY_DAMAGED", { location, packs: reader.damagedPacks.size }));
  }
}

function candidate(copy: StandbyCopy): Candidate {
  return { copy, isDead: false, isPartial: false, failedMs: undefined, reader: undefined };
}
