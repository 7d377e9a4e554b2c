/**
 * Checks a repository. Packs that hold trees are always read in full and every tree in them is examined by workers; data
 * packs are read as far as the user asks. What snapshots need is then followed in memory over the edges that the workers
 * found. Nothing is written.
 */
import { availableParallelism } from "node:os";
import { forEachConcurrent, isHoldfastError, messageOf } from "@holdfast/base";
import { loadInto } from "@holdfast/storage";
import { idToBytes, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { returnLargeAllocations } from "../platform/native-heap.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import { isCold, warmPacks } from "../packs/warm-packs.ts";
import { loadKeyFile } from "../repository/key-files.ts";
import { withIndexBeside } from "../repository/index-beside.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, matches, type StoredSnapshot } from "../repository/snapshots.ts";
import { listAffected } from "./affected.ts";
import { choosePacks, type PackFile } from "./choose-packs.ts";
import { isDamage, type AffectedPath, type Finding, type FindingCode } from "./findings.ts";
import type { PackResult } from "./messages.ts";
import type { CheckOptions, CheckProgress, CheckResult } from "./options.ts";
import { PackMemory } from "./pack-memory.ts";
import { PacksOfIndex } from "./packs-of-index.ts";
import { Reachability } from "./reachability.ts";
import { startAhead } from "../workers/started-threads.ts";
import { CHECK_WORKER, VerifyPool } from "./verify-pool.ts";

const LISTED_FINDINGS = 10_000;
const LISTED_PATHS = 10_000;
/** A pack is at most this large; a larger file is reported, not loaded. */
const MAX_PACK_BYTES = 2 ** 31;

export class Check {
  readonly #repository: Repository;
  readonly #options: CheckOptions;
  readonly #startedAtMs = performance.now();
  readonly #findings: Finding[] = [];
  #findingCount = 0;
  #damage = false;
  readonly #damagedEntries = new DamagedEntries();
  #progress = { phase: "index" as CheckProgress["phase"], packsDone: 0, packsTotal: 0, bytesDone: 0, bytesTotal: 0 };

  constructor(repository: Repository, options: CheckOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /**
   * Starts the threads of a check that is about to come, while the repository is still being opened. Only saves time.
   * @param workers as in `CheckOptions`
   */
  static startThreads(workers?: number): void {
    startAhead(CHECK_WORKER, threadsFor(workers));
  }

  progress(): CheckProgress {
    return { ...this.#progress, findings: this.#findingCount, elapsedMs: performance.now() - this.#startedAtMs };
  }

  /**
   * The repository must be locked by the caller (shared is enough).
   * @throws what the backend throws when it is out of reach; damage is a finding, never an exception
   */
  async run(): Promise<CheckResult> {
    const { signal, filter, workers } = this.#options;
    returnLargeAllocations();
    Check.startThreads(workers);
    const { found: all, index } = await withIndexBeside(
      this.#repository,
      (onListed, both) =>
        listSnapshots(this.#repository, {
          signal: both,
          onListed,
          onDamaged: (id, error) => this.#find("snapshot-damaged", `snapshot ${id}`, messageOf(error)),
        }),
      { signal, onDamaged: (id, error) => this.#find("index-damaged", `index ${id}`, messageOf(error)) },
    );
    const snapshots = filter === undefined ? all : all.filter(({ snapshot }) => matches(snapshot, filter));
    await this.#checkKeys();
    this.#progress.phase = "packs";
    const byPack = new PacksOfIndex(index);
    const present = await this.#comparePacks(index, byPack);
    const chosen = choosePacks(present, this.#options.readData, this.#options.random ?? Math.random);
    const reachability = new Reachability(index.count);
    this.#markMissing(index, byPack, present, reachability);
    await this.#verify(index, byPack, chosen, reachability);
    this.#progress.phase = "trees";
    this.#follow(index, snapshots, reachability);
    const isBroken = ({ snapshot }: StoredSnapshot): boolean => {
      const root = index.entryOf("tree", idToBytes(snapshot.tree), 0);
      return root < 0 || !reachability.isWhole(root);
    };
    const broken = snapshots.filter(isBroken);
    const affected = await this.#affected(index, broken, reachability);
    // Damage is nobody's secret: it may reach snapshots that nobody asked for.
    const damaged = this.#damage || broken.length > 0 ? all.filter(isBroken) : [];
    this.#progress.phase = "done";
    return this.#result({ index, snapshots, present, chosen, reachability, affected, damaged });
  }

  /** A damaged key file is a password that no longer opens the repository. */
  async #checkKeys(): Promise<void> {
    const { signal } = this.#options;
    for await (const { id } of this.#repository.files("key", { signal })) {
      try {
        await loadKeyFile(this.#repository.backend, id, { signal });
      } catch (error) {
        if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
        this.#find("key-damaged", `key ${id}`, messageOf(error));
      }
    }
  }

  /** Compares the packs in the store with those in the index. @returns the packs that are in both */
  async #comparePacks(index: BlobIndex, byPack: PacksOfIndex): Promise<PackFile[]> {
    const seen = new Uint8Array(index.packCount);
    const present: PackFile[] = [];
    let unindexed = 0;
    for await (const { id, sizeBytes } of this.#repository.files("pack", this.#options)) {
      const pack = index.packNumber(id);
      if (pack === undefined) {
        unindexed++;
        continue;
      }
      seen[pack] = 1;
      const expected = byPack.expectedBytes[pack] as number;
      const end = byPack.endBytes[pack] as number;
      if (sizeBytes !== expected) {
        this.#find("pack-size", `pack ${id}`, `it has ${sizeBytes} bytes, by the index it must have ${expected}`, id);
      } else if (end > sizeBytes) {
        this.#find("index-range", `pack ${id}`, `the index puts a blob up to byte ${end}, it has ${sizeBytes}`);
      }
      present.push({ id, sizeBytes, holdsTrees: byPack.holdsTrees[pack] === 1 });
    }
    for (let pack = 0; pack < seen.length; pack++) {
      if (seen[pack] === 0)
        this.#find("pack-missing", `pack ${index.packId(pack)}`, "the index lists it, the store does not have it");
    }
    if (unindexed > 0) {
      this.#find(
        "pack-unindexed",
        `${unindexed} packs`,
        "no index lists them: left by runs that were cut off; the next backup takes them over, `repair index` does too",
      );
    }
    return present;
  }

  /** Blobs of which the store has nothing, or not all: their pack is missing, or ends before them. */
  #markMissing(index: BlobIndex, byPack: PacksOfIndex, present: readonly PackFile[], reachability: Reachability): void {
    const sizes = new Float64Array(index.packCount).fill(-1);
    for (const { id, sizeBytes } of present) sizes[index.packNumber(id) as number] = sizeBytes;
    for (let pack = 0; pack < index.packCount; pack++) {
      const size = sizes[pack] as number;
      if (size >= (byPack.endBytes[pack] as number)) continue;
      for (const entry of byPack.entriesOf(pack)) {
        const { offset, lengthBytes } = index.locationAt(entry) as BlobLocation;
        if (offset + lengthBytes > size) this.#damagedEntries.mark(index, reachability, entry);
      }
    }
  }

  async #verify(
    index: BlobIndex,
    byPack: PacksOfIndex,
    chosen: readonly PackFile[],
    reachability: Reachability,
  ): Promise<void> {
    const { signal } = this.#options;
    this.#progress.phase = "verify";
    this.#progress.packsTotal = chosen.length;
    this.#progress.bytesTotal = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (chosen.length === 0) return;
    const ids = chosen.map(({ id }) => id);
    await warmPacks(this.#repository, ids, { signal });
    const workers = Math.min(chosen.length, threadsFor(this.#options.workers));
    const pool = new VerifyPool({ workers, key: this.#repository.masterKey, index: index.shared });
    const memory = new PackMemory();
    try {
      await forEachConcurrent(
        longestFirst(chosen),
        workers + 1,
        async ({ id, sizeBytes }, inner) => {
          const entries = byPack.entriesOf(index.packNumber(id) as number);
          const result = await memory.lend(sizeBytes > MAX_PACK_BYTES ? 0 : sizeBytes, async (bytes) =>
            (await this.#readPack(id, sizeBytes, bytes, inner))
              ? pool.verify({ kind: "pack", id, bytes, entries }, inner)
              : undefined,
          );
          if (result === undefined) for (const entry of entries) this.#damagedEntries.mark(index, reachability, entry);
          else this.#take(index, result, reachability);
          this.#progress.packsDone++;
          this.#progress.bytesDone += sizeBytes;
        },
        { signal },
      );
    } finally {
      await pool.stop();
    }
  }

  /** @returns whether the pack is now in `memory`; otherwise it is a finding */
  async #readPack(id: Id, sizeBytes: number, memory: Uint8Array, signal: AbortSignal): Promise<boolean> {
    if (sizeBytes > MAX_PACK_BYTES) {
      this.#find("pack-unreadable", `pack ${id}`, `a pack of ${sizeBytes} bytes is none of ours`, id);
      return false;
    }
    try {
      await loadInto(this.#repository.backend, { type: "pack", name: id }, 0, memory, { signal });
      return true;
    } catch (error) {
      if (signal.aborted || !isHoldfastError(error) || isCold(error)) throw error;
      this.#find("pack-unreadable", `pack ${id}`, error.message, id);
      return false;
    }
  }

  #take(index: BlobIndex, result: PackResult, reachability: Reachability): void {
    for (const { code, what, reason } of result.findings) this.#find(code, what, reason, result.id);
    for (const entry of result.damaged) this.#damagedEntries.mark(index, reachability, entry);
    for (const edges of result.trees) reachability.add({ ...edges, entry: firstCopy(index, edges.entry) });
  }

  #follow(index: BlobIndex, snapshots: readonly StoredSnapshot[], reachability: Reachability): void {
    for (const { id, snapshot } of snapshots) {
      const root = index.entryOf("tree", idToBytes(snapshot.tree), 0);
      if (root < 0) this.#find("tree-missing", `snapshot ${id}`, `its tree ${snapshot.tree} is in no index`);
      else reachability.visit(root);
    }
    for (const { code, what, reason } of reachability.findingsOfUsed()) this.#find(code, what, reason);
  }

  async #affected(
    index: BlobIndex,
    broken: readonly StoredSnapshot[],
    reachability: Reachability,
  ): Promise<{ listed: AffectedPath[]; omitted: number }> {
    if (broken.length === 0) return { listed: [], omitted: 0 };
    const blobs = new BlobReader(this.#repository, index);
    return listAffected({
      index,
      blobs,
      reachability,
      snapshots: broken,
      limit: LISTED_PATHS,
      signal: this.#options.signal,
    });
  }

  #result(parts: {
    index: BlobIndex;
    snapshots: readonly StoredSnapshot[];
    present: readonly PackFile[];
    chosen: readonly PackFile[];
    reachability: Reachability;
    affected: { listed: AffectedPath[]; omitted: number };
    damaged: readonly StoredSnapshot[];
  }): CheckResult {
    const { index, reachability, affected } = parts;
    const healthy = !this.#damage && affected.listed.length === 0;
    const isAllRead = parts.chosen.length === parts.present.length;
    let unusedBlobs = 0;
    let unusedBytes = 0;
    for (let entry = 0; entry < index.count; entry++) {
      if (reachability.isUsed(entry)) continue;
      unusedBlobs++;
      unusedBytes += index.locationAt(entry)?.lengthBytes ?? 0;
    }
    return {
      healthy,
      proven: healthy && isAllRead ? parts.snapshots : [],
      damaged: parts.damaged,
      findings: this.#findings,
      findingsOmitted: this.#findingCount - this.#findings.length,
      affected: affected.listed,
      affectedOmitted: affected.omitted,
      snapshots: parts.snapshots.length,
      packs: parts.present.length,
      packsRead: parts.chosen.length,
      bytesRead: this.#progress.bytesDone,
      blobs: index.count,
      unusedBlobs,
      unusedBytes,
      elapsedMs: performance.now() - this.#startedAtMs,
    };
  }

  #find(code: FindingCode, what: string, reason: string, pack?: Id): void {
    const finding: Finding = { code, what, reason, ...(pack === undefined ? {} : { pack }) };
    this.#findingCount++;
    if (isDamage(finding)) this.#damage = true;
    if (this.#findings.length < LISTED_FINDINGS) this.#findings.push(finding);
    this.#options.onFinding(finding);
  }
}

/** Trees take longest, then large packs: so that no worker has a long one left when the others have nothing to do. */
function longestFirst(packs: readonly PackFile[]): PackFile[] {
  return packs.toSorted((a, b) => Number(b.holdsTrees) - Number(a.holdsTrees) || b.sizeBytes - a.sizeBytes);
}

/** Counts damaged copies: a blob is lost only when none of its copies is left. Trees refer to its first one. */
class DamagedEntries {
  readonly #seen = new Set<number>();
  readonly #copies = new Map<number, number>();

  mark(index: BlobIndex, reachability: Reachability, entry: number): void {
    if (this.#seen.has(entry)) return;
    this.#seen.add(entry);
    const first = firstCopy(index, entry);
    const damaged = (this.#copies.get(first) ?? 0) + 1;
    this.#copies.set(first, damaged);
    const copies = index.findAll(index.typeAt(entry), idToBytes(index.idAt(entry)), 0).length;
    if (damaged === copies) reachability.markDamaged(first);
  }
}

function firstCopy(index: BlobIndex, entry: number): number {
  return index.entryOf(index.typeAt(entry), idToBytes(index.idAt(entry)), 0);
}

function threadsFor(workers: number | undefined): number {
  return workers ?? Math.max(2, availableParallelism());
}
