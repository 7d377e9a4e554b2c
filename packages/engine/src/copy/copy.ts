/**
 * Copies snapshots into another repository. Only blobs that the target lacks are moved, by pack, and each snapshot is written
 * after all that it needs is stored and listed: whatever ends the run early, the target is in order, and the next run uses what
 * this one has stored. Nothing is ever removed from the target, whatever was removed from the source.
 */
import { availableParallelism } from "node:os";
import { messageOf } from "@holdfast/base";
import { findLosses } from "../forget/losses.ts";
import { ID_BYTES, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { entriesByPack } from "../prune/entries-by-pack.ts";
import { markUsed, type UsedBlobs } from "../prune/mark-used.ts";
import { loadIndex } from "../repository/load-index.ts";
import { packSizes } from "../repository/pack-sizes.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, saveSnapshot, type StoredSnapshot } from "../repository/snapshots.ts";
import { type EntriesOfPack, Transfer, type TransferOptions, withTransfer } from "../transfer/transfer.ts";
import { CopiedSnapshots, lastingName } from "./already-copied.ts";
import { lotsOf } from "./lots.ts";
import type { CopyEvent, CopyOptions, CopyProgress, CopyResult } from "./options.ts";
import { LostBlobs, moveFromAnyCopy } from "./other-copies.ts";

interface Indexes {
  readonly fromIndex: BlobIndex;
  readonly toIndex: BlobIndex;
  /** Sizes of the source's packs by their number; -1 for one that is not there. */
  readonly packBytes: Float64Array;
}

type Listed<Kind extends CopyEvent["kind"]> = Omit<Extract<CopyEvent, { kind: Kind }>, "kind">;

export class Copy {
  readonly #options: CopyOptions;
  readonly #startedAtMs = performance.now();
  readonly #copied: { source: StoredSnapshot; id: Id | undefined }[] = [];
  readonly #skipped: Listed<"skipped">[] = [];
  readonly #incomplete: Listed<"incomplete">[] = [];
  readonly #lost = new LostBlobs();
  readonly #workers: number;
  #progress = {
    phase: "index" as CopyProgress["phase"],
    snapshotsTotal: 0,
    trees: 0,
    blobsDone: 0,
    bytesDone: 0,
    blobsTotal: 0,
    bytesTotal: 0,
  };
  #lostBlobs = 0;
  #adoptedPacks = 0;

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#workers = options.workers ?? Math.max(2, availableParallelism());
  }

  progress(): CopyProgress {
    const snapshotsDone = this.#copied.length + this.#incomplete.length;
    return { ...this.#progress, snapshotsDone, elapsedMs: performance.now() - this.#startedAtMs };
  }

  /**
   * The source must be locked by the caller (shared, for reading), and the target (shared, for appending).
   *
   * What cannot be read in the source is reported, and so are the snapshots that need it: they are not copied, the others are.
   * @throws what the backends throw, damage of the target's index; on abort the signal's reason, after what is stored so far was
   * recorded in an index
   */
  async run(): Promise<CopyResult> {
    const wanted = await this.#wanted();
    this.#progress.snapshotsTotal = wanted.length;
    if (wanted.length === 0) return this.#result({ storedBytes: 0, newPacks: [] });
    this.#tell({ kind: "begun", snapshots: wanted.length });
    // While the indexes are read. Not before it is known that there is something to do: most copies find nothing new.
    if (!this.#options.dryRun) Transfer.startThreads(this.#workers);
    const indexes = await this.#loadIndexes();
    if (this.#options.dryRun) {
      await this.#planAll(indexes, wanted);
      return this.#result({ storedBytes: 0, newPacks: [] });
    }
    const result = await withTransfer(this.#transferOptions(indexes), async (transfer) => {
      await this.#adopt(transfer);
      for (const lot of lotsOf(wanted)) await this.#copyLot(transfer, indexes, lot);
    });
    return this.#result(result);
  }

  /** The snapshots that the target does not have yet. */
  async #wanted(): Promise<StoredSnapshot[]> {
    const { to, snapshots, signal } = this.#options;
    const onDamaged = (id: Id, error: unknown): void =>
      this.#tell({ kind: "damaged", what: `snapshot ${id} of the target`, reason: messageOf(error) });
    const there = await listSnapshots(to, { signal, onDamaged });
    this.#tell({ kind: "target", snapshots: there });
    const known = new CopiedSnapshots(there);
    return snapshots.filter((source) => {
      const target = known.find(source);
      if (target === undefined) return true;
      this.#skipped.push({ source, target });
      this.#tell({ kind: "skipped", source, target });
      return false;
    });
  }

  async #loadIndexes(): Promise<Indexes> {
    const { from, to, signal } = this.#options;
    const onDamaged = (id: Id, error: unknown): void =>
      this.#tell({ kind: "damaged", what: `index ${id} of the source`, reason: messageOf(error) });
    const fromIndex = await loadIndex(from, { signal, onDamaged });
    const toIndex = await loadIndex(to, { signal });
    return { fromIndex, toIndex, packBytes: await packSizes(from, fromIndex, { signal }) };
  }

  #transferOptions({ fromIndex, toIndex }: Indexes): TransferOptions {
    const { from, to, packSizeBytes, compression, signal } = this.#options;
    return {
      from,
      fromIndex,
      to,
      toIndex,
      packSizeBytes,
      compression,
      recompress: "uncompressed",
      workers: this.#workers,
      signal,
      onProgress: ({ blobs, bytes }) => {
        this.#progress.blobsDone = blobs;
        this.#progress.bytesDone = bytes;
      },
      onLost: this.#lost.onLost,
    };
  }

  /** Counts what would be moved, and finds snapshots that cannot be copied as far as the index and the trees tell. */
  async #planAll(indexes: Indexes, wanted: readonly StoredSnapshot[]): Promise<void> {
    const { from } = this.#options;
    const { used, isLiveComplete } = await this.#needs(indexes, wanted);
    this.#choose(indexes, used);
    const whole = isLiveComplete ? wanted : await this.#wholeOnes(from, indexes.fromIndex, wanted);
    for (const source of whole) this.#copied.push({ source, id: undefined });
  }

  async #adopt(transfer: Transfer): Promise<void> {
    const { adopted, missing } = await transfer.adopt();
    this.#adoptedPacks = adopted;
    if (missing === 0) return;
    const reason = "its index lists them and it does not have them; what is needed of them is copied once more";
    this.#tell({ kind: "damaged", what: `${missing} packs of the target`, reason });
  }

  async #copyLot(transfer: Transfer, indexes: Indexes, lot: readonly StoredSnapshot[]): Promise<void> {
    const { to } = this.#options;
    const { used, isLiveComplete } = await this.#needs(indexes, lot);
    const lacking = this.#choose(indexes, used);
    this.#progress.phase = "copying";
    const lost = await moveFromAnyCopy(transfer, indexes.fromIndex, lacking, this.#lost);
    await transfer.settle();
    this.#lostBlobs += lost.length;
    for (const blob of lost) this.#tell({ kind: "lost", blob });
    const whole = isLiveComplete && lost.length === 0 ? lot : await this.#wholeOnes(to, indexes.toIndex, lot);
    for (const source of whole) await this.#saveSnapshot(source);
  }

  /** Everything that these snapshots refer to, by the source's trees. */
  #needs({ fromIndex, packBytes }: Indexes, lot: readonly StoredSnapshot[]): Promise<UsedBlobs> {
    this.#progress.phase = "trees";
    const roots = { live: lot.map(({ snapshot }) => snapshot.tree), forgotten: [] };
    const before = this.#progress.trees;
    return markUsed(this.#options.from, fromIndex, roots, {
      signal: this.#options.signal,
      packBytes,
      workers: undefined,
      onTrees: (trees) => {
        this.#progress.trees = before + trees;
      },
    });
  }

  /** What the target lacks of that. */
  #choose({ fromIndex, toIndex }: Indexes, used: UsedBlobs["used"]): EntriesOfPack[] {
    const id = new Uint8Array(ID_BYTES);
    const lacking = entriesByPack(fromIndex, (entry) => {
      if (!used.has(entry)) return false;
      fromIndex.copyIdAt(entry, id, 0);
      return !toIndex.has(fromIndex.typeAt(entry), id, 0);
    });
    const chosen = [...lacking];
    for (const { entries } of chosen) {
      this.#progress.blobsTotal += entries.length;
      for (const entry of entries) this.#progress.bytesTotal += fromIndex.locationAt(entry)?.lengthBytes ?? 0;
    }
    return chosen;
  }

  /** After a loss: those snapshots of which a repository has everything. */
  async #wholeOnes(
    repository: Repository,
    index: BlobIndex,
    lot: readonly StoredSnapshot[],
  ): Promise<StoredSnapshot[]> {
    const { signal } = this.#options;
    const all = await findLosses(repository, index, lot, { signal });
    const lossesOf = new Map(all.map((losses) => [losses.id, losses]));
    return lot.filter((source) => {
      const losses = lossesOf.get(source.id);
      if (losses === undefined) return true;
      this.#incomplete.push({ source, losses });
      this.#tell({ kind: "incomplete", source, losses });
      return false;
    });
  }

  async #saveSnapshot(source: StoredSnapshot): Promise<void> {
    const { to, signal } = this.#options;
    // The parent is a snapshot of the source; what tells that this is a copy is the original.
    const copy = { ...source.snapshot, parent: undefined, original: lastingName(source) };
    const id = await saveSnapshot(to, copy, { signal });
    this.#copied.push({ source, id });
    this.#tell({ kind: "copied", source, id });
  }

  #tell(event: CopyEvent): void {
    this.#options.onEvent(event);
  }

  #result({ storedBytes, newPacks }: { storedBytes: number; newPacks: readonly Id[] }): CopyResult {
    const { dryRun } = this.#options;
    const { blobsDone, bytesDone, blobsTotal, bytesTotal } = this.#progress;
    this.#progress.phase = "done";
    return {
      copied: this.#copied,
      skipped: this.#skipped,
      incomplete: this.#incomplete,
      blobs: dryRun ? blobsTotal : blobsDone,
      bytes: dryRun ? bytesTotal : bytesDone,
      storedBytes,
      newPacks: newPacks.length,
      adoptedPacks: this.#adoptedPacks,
      lostBlobs: this.#lostBlobs,
      elapsedMs: performance.now() - this.#startedAtMs,
    };
  }
}
