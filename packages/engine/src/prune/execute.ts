/**
 * Carries out a plan: new packs, then new index files, then old index files go, then packs. It may be cut off anywhere: until the
 * first old index file goes nothing has changed for anybody, and from then on the new index lists all that is needed. What is
 * left over the next prune takes care of.
 */
import { forEachConcurrent, isHoldfastError } from "@holdfast/base";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { type LostTransfer, withTransfer } from "../transfer/transfer.ts";
import { FEW_BLOBS, FEW_BYTES, moveFew } from "./move-few.ts";
import { verifyIndex, writeIndex } from "./new-index.ts";
import { packSizeOf, type PruneProgress } from "./options.ts";
import type { PrunePlan, PruneWork } from "./plan.ts";
import { recorded, type WrittenFile } from "./written-files.ts";

const NAMED_PACKS = 20;

interface ExecuteOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** What a prune did. */
export interface PruneResult {
  readonly movedBlobs: number;
  /** As they are stored now. */
  readonly movedBytes: number;
  readonly newPacks: number;
  readonly removedPacks: number;
  /** Bytes of the packs that were removed. */
  readonly removedBytes: number;
  readonly newIndexes: number;
  readonly removedIndexes: number;
  /** Forgotten snapshots whose time was over. */
  readonly expiredSnapshots: number;
  /** What the store did not remove since it is locked: packs, their bytes, and index files. It is removed by a later prune. */
  readonly lockedPacks: number;
  readonly lockedBytes: number;
  readonly lockedIndexes: number;
  /** What was removed is only hidden, and its space not free yet. */
  readonly isHidden: boolean;
}

/**
 * Executes a plan. The repository must have been locked exclusively since before the plan was made.
 * @throws ENGINE_PRUNE_STALE when somebody changed the repository meanwhile, ENGINE_PRUNE_DAMAGED when a blob that must move
 * cannot be read, ENGINE_PRUNE_FULL when there is no room for new packs (what nothing needs is removed then all the same),
 * ENGINE_PRUNE_UNSAFE when the new files are not what they should be; and what the backend throws; on abort the signal's reason.
 * Whichever it is, all that is needed is there.
 */
export async function executePrune(
  repository: Repository,
  plan: PrunePlan,
  options: ExecuteOptions,
): Promise<PruneResult> {
  return new Execution(repository, plan, options).run();
}

type MutableResult = { -readonly [Key in keyof PruneResult]: PruneResult[Key] };

class Execution {
  readonly #repository: Repository;
  readonly #written: WrittenFile[];
  readonly #plan: PrunePlan;
  readonly #work: PruneWork;
  readonly #options: ExecuteOptions;
  readonly #signal: AbortSignal;
  readonly #result: MutableResult = {
    movedBlobs: 0,
    movedBytes: 0,
    newPacks: 0,
    removedPacks: 0,
    removedBytes: 0,
    newIndexes: 0,
    removedIndexes: 0,
    expiredSnapshots: 0,
    lockedPacks: 0,
    lockedBytes: 0,
    lockedIndexes: 0,
    isHidden: false,
  };
  /** From here on what was written is needed. */
  #hasRemovedIndex = false;

  constructor(repository: Repository, plan: PrunePlan, options: ExecuteOptions) {
    const { repository: recording, written } = recorded(repository);
    this.#repository = recording;
    this.#written = written;
    this.#plan = plan;
    this.#work = plan.work;
    this.#options = options;
    this.#signal = options.signal;
  }

  async run(): Promise<PruneResult> {
    await this.#requireUnchanged();
    const unlisted = this.#work.unlisted;
    await this.#removeAll("pack", unlisted, ({ id, sizeBytes }) => ({ id, sizeBytes }));
    try {
      await this.#repack();
      await this.#removeUseless({ withRepack: true });
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_FULL") || this.#hasRemovedIndex) throw error;
      await this.#makeRoom(error);
    }
    this.#result.isHidden = this.#repository.backend.capabilities.hidesRemoved === true;
    return this.#result;
  }

  get #isBound(): boolean {
    return this.#work.options.only !== undefined;
  }

  /** Moves what is needed out of the packs that are packed anew. */
  async #repack(): Promise<void> {
    const { blobs, bytes, packs } = this.#plan;
    if (packs.repack === 0) return;
    const total = blobs.repack - blobs.repackRemove;
    const isLittle = total <= FEW_BLOBS && bytes.repack - bytes.repackRemove <= FEW_BYTES;
    if (isLittle && (this.#work.options.workers ?? 0) === 0) await this.#moveFew(total);
    else await this.#moveMany(total);
  }

  async #moveFew(total: number): Promise<void> {
    const { index, options } = this.#work;
    const settings = {
      signal: this.#signal,
      packSizeBytes: packSizeOf(options),
      compression: options.compression ?? "auto",
      onBlob: () => this.#tell("repack", ++this.#result.movedBlobs, total),
    };
    try {
      this.#result.movedBytes = await moveFew(this.#repository, index, this.#work.moves(), settings);
    } catch (error) {
      if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
      throw engineError("ENGINE_PRUNE_DAMAGED", { blobs: 1, reason: error.message }, error);
    }
  }

  async #moveMany(total: number): Promise<void> {
    const { options, index } = this.#work;
    const lost: LostTransfer[] = [];
    const settings = {
      from: this.#repository,
      fromIndex: index,
      to: this.#repository,
      toIndex: index,
      packSizeBytes: packSizeOf(options),
      compression: options.compression ?? "auto",
      recompress: "uncompressed",
      ...(options.workers === undefined ? {} : { workers: Math.max(1, options.workers) }),
      signal: this.#signal,
      onProgress: (moved: { blobs: number }) => this.#tell("repack", moved.blobs, total),
      onLost: (blob: LostTransfer) => lost.push(blob),
    } as const;
    const moved = await withTransfer(settings, async (transfer) => {
      await transfer.move(this.#work.moves());
      if (lost.length === 0) return;
      // Damage of one copy is no loss where there is another.
      const first = lost.splice(0);
      const { blobs: before } = transfer.result();
      await transfer.move(this.#work.spareCopies(first.map(({ entry }) => entry)));
      if (transfer.result().blobs - before < first.length) throw damaged(this.#work, first);
    });
    this.#result.movedBlobs = moved.blobs;
    this.#result.movedBytes = moved.storedBytes;
  }

  /**
   * Stores an index of the packs that stay, and then removes the others.
   * @param withRepack whether packs go as well whose needed blobs have moved
   */
  async #removeUseless({ withRepack }: { withRepack: boolean }): Promise<void> {
    if (this.#plan.rewritesIndex) await this.#writeIndex(withRepack);
    await this.#requireUnchanged();
    await this.#removeExpired();
    if (!this.#plan.rewritesIndex) return;
    this.#hasRemovedIndex = true;
    await this.#removeAll("index", this.#work.indexFiles, (id) => ({ id, sizeBytes: 0 }));
    this.#result.newPacks = this.#idsWritten("pack").length;
    this.#result.newIndexes = this.#idsWritten("index").length;
    await this.#requireUnchanged();
    // An index file that stays lists packs: none of them may go before it.
    if (this.#result.lockedIndexes > 0) return;
    const useless = [...this.#work.packs("remove"), ...(withRepack ? this.#work.packs("repack") : [])];
    await this.#removeAll("pack", useless, (pack) => ({
      id: this.#work.index.packId(pack),
      sizeBytes: this.#work.fileBytes[pack] as number,
    }));
  }

  async #writeIndex(withRepack: boolean): Promise<void> {
    const { index } = this.#work;
    const isStaying = (pack: number): boolean => this.#work.stays(pack, { withRepack });
    const { staying } = this.#work;
    const total = this.#plan.packs.keep + (withRepack ? 0 : this.#plan.packs.repack);
    let done = 0;
    await writeIndex(this.#repository, index, (pack) => isStaying(pack) && !staying.packs.has(pack), {
      signal: this.#signal,
      onDone: () => this.#tell("write-index", ++done, total),
    });
    try {
      await this.#verify(isStaying);
    } catch (error) {
      // An index file that does not come back as it was stored would stand in everybody's way.
      if (!isHoldfastError(error) || (error.kind !== "corrupt" && error.kind !== "internal")) throw error;
      if (!this.#isBound) await this.#takeBack();
      throw error.kind === "internal" ? error : engineError("ENGINE_PRUNE_UNSAFE", { reason: error.message }, error);
    }
  }

  /** The last look at what is new before anything that it replaces goes. */
  async #verify(isStaying: (pack: number) => boolean): Promise<void> {
    const { index } = this.#work;
    await this.#verifyStored();
    const newPacks = new Set(this.#idsWritten("pack"));
    const willStay = (id: Id): boolean => {
      const pack = index.packNumber(id);
      return newPacks.has(id) || (pack !== undefined && isStaying(pack));
    };
    const onDone = (): void => {};
    const files = [...this.#idsWritten("index"), ...this.#work.staying.indexFiles];
    await verifyIndex(this.#repository, this.#work, files, willStay, {
      signal: this.#signal,
      onDone,
    });
  }

  /** A store may report success and have nothing. */
  async #verifyStored(): Promise<void> {
    await forEachConcurrent(
      this.#written,
      this.#atOnce(),
      async ({ type, id, sizeBytes }, inner) => {
        const info = await this.#repository.backend.stat({ type, name: id }, { signal: inner });
        if (info?.sizeBytes === sizeBytes) return;
        const found = info === undefined ? "is not there" : `has ${info.sizeBytes} bytes`;
        const reason = `the ${type} file ${id} was stored with ${sizeBytes} bytes and ${found}`;
        throw engineError("ENGINE_PRUNE_UNSAFE", { reason });
      },
      { signal: this.#signal },
    );
  }

  /**
   * Makes sure that nobody else is at work, whatever became of the lock: a snapshot that is not known could need anything, and an
   * index file that was not read could list anything.
   */
  async #requireUnchanged(): Promise<void> {
    const { live, inGrace, expired } = this.#work.needed;
    const kept = new Set([...live, ...inGrace].map(({ id }) => id));
    const known = { snapshot: kept, forgotten: new Set([...kept, ...expired.map(({ id }) => id)]) };
    for (const type of ["snapshot", "forgotten"] as const) {
      for await (const { id } of this.#repository.files(type, { signal: this.#signal })) {
        if (!known[type].has(id)) throw engineError("ENGINE_PRUNE_STALE", { what: `the ${type} ${id}` });
      }
    }
    const lasting = [...this.#idsWritten("index"), ...this.#work.staying.indexFiles];
    const indexes = new Set([...this.#work.indexFiles, ...lasting]);
    let present = 0;
    for await (const { id } of this.#repository.files("index", { signal: this.#signal })) {
      if (!indexes.has(id)) throw engineError("ENGINE_PRUNE_STALE", { what: `the index ${id}` });
      present++;
    }
    const staying = new Set(lasting).size + this.#result.lockedIndexes;
    const expected = this.#hasRemovedIndex ? staying : indexes.size;
    if (present !== expected) throw engineError("ENGINE_PRUNE_STALE", { what: "an index file" });
  }

  async #removeExpired(): Promise<void> {
    for (const id of this.#plan.expired) {
      if (await this.#removeUnlessLocked("forgotten", id, 0, this.#signal)) this.#result.expiredSnapshots++;
    }
  }

  /**
   * There is no room for all that would have to be written. Takes back what was written, which leaves all as it was; then removes
   * the packs in which nothing is needed, for which only an index must be written.
   * @throws ENGINE_PRUNE_FULL, always
   */
  async #makeRoom(cause: unknown): Promise<never> {
    // Where only named files may be removed, what this run has stored is not among them.
    if (this.#isBound) throw this.#isFull(cause);
    await this.#takeBack();
    try {
      if (this.#plan.packs.remove > 0) await this.#removeUseless({ withRepack: false });
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_FULL") || this.#hasRemovedIndex) throw error;
      await this.#takeBack();
    }
    throw this.#isFull(cause);
  }

  #isFull(cause: unknown): Error {
    const { removedPacks, removedBytes } = this.#result;
    return engineError("ENGINE_PRUNE_FULL", { removedPacks, removedBytes }, cause);
  }

  /** Removes all that this run has stored, while nothing relies on it. */
  async #takeBack(): Promise<void> {
    // Index files first: no index ever lists a pack that is gone.
    for (const type of ["index", "pack"] as const) {
      for (const id of this.#idsWritten(type)) await this.#remove(type, id, this.#signal);
    }
    this.#written.length = 0;
  }

  async #removeAll<T>(
    type: "index" | "pack",
    items: readonly T[],
    describe: (item: T) => { id: Id; sizeBytes: number },
  ): Promise<void> {
    let done = 0;
    await forEachConcurrent(
      items,
      this.#atOnce(),
      async (item, inner) => {
        const { id, sizeBytes } = describe(item);
        const isRemoved = await this.#removeUnlessLocked(type, id, sizeBytes, inner);
        if (isRemoved && type === "index") this.#result.removedIndexes++;
        if (isRemoved && type === "pack") {
          this.#result.removedPacks++;
          this.#result.removedBytes += sizeBytes;
        }
        this.#tell(type === "pack" ? "remove-packs" : "remove-index", ++done, items.length);
      },
      { signal: this.#signal },
    );
  }

  /** A lock that forbids it is no failure: what stays is told, and goes when the lock is over. */
  async #removeUnlessLocked(
    type: "index" | "pack" | "forgotten",
    id: Id,
    sizeBytes: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return await this.#remove(type, id, signal);
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_RETAINED")) throw error;
      if (type === "index") this.#result.lockedIndexes++;
      else if (type === "pack") {
        this.#result.lockedPacks++;
        this.#result.lockedBytes += sizeBytes;
      }
      return false;
    }
  }

  /** @returns false when it was gone already */
  async #remove(type: "index" | "pack" | "forgotten", id: Id, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#repository.removeFile(type, id, { signal });
      return true;
    } catch (error) {
      if (isHoldfastError(error, "STORAGE_NOT_FOUND")) return false;
      throw error;
    }
  }

  #idsWritten(type: WrittenFile["type"]): Id[] {
    return this.#written.filter((file) => file.type === type).map(({ id }) => id);
  }

  #atOnce(): number {
    return Math.max(1, this.#repository.backend.capabilities.maxConcurrency);
  }

  #tell(phase: PruneProgress["phase"], done: number, total: number): void {
    this.#options.onProgress?.({ phase, done, total });
  }
}

function damaged({ index }: PruneWork, lost: readonly LostTransfer[]): Error {
  const packs = new Set(lost.map(({ entry }) => index.packId(index.locationAt(entry)?.pack as number)));
  const reason = `${lost[0]?.reason}; packs ${[...packs].slice(0, NAMED_PACKS).join(", ")}`;
  return engineError("ENGINE_PRUNE_DAMAGED", { blobs: lost.length, packs: [...packs], reason });
}
