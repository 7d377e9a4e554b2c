/** The figures of a plan. */
import { KEEP, REMOVE, REPACK, UNLIST, type Decisions } from "./decide.ts";
import { type PackFacts, RAW_DATA, RAW_TREES, type UnlistedPack } from "./pack-facts.ts";
import type { PackUsage } from "./pack-usage.ts";

/** Blobs, by what becomes of them. A blob that is stored twice counts twice: as used once, and as a duplicate. */
export interface PruneBlobs {
  readonly used: number;
  readonly duplicate: number;
  readonly unused: number;
  readonly total: number;
  /** In packs that are packed anew; of these `repackRemove` do not come along. */
  readonly repack: number;
  readonly repackRemove: number;
  /** In packs that are removed. */
  readonly remove: number;
  readonly removeTotal: number;
  readonly remain: number;
}

/** The same in bytes, as they are stored. A pack's header counts as used when anything in the pack is. */
export interface PruneBytes extends PruneBlobs {
  /** Packs that no index lists and that are removed. */
  readonly unlisted: number;
  /** Packs with something that could be compressed and is not. */
  readonly uncompressed: number;
  /** Unused and duplicate bytes that stay. */
  readonly remainUnused: number;
}

export interface PrunePacks {
  readonly used: number;
  readonly partlyUsed: number;
  readonly unused: number;
  /** Packs that no index lists: removed, and left, because they are young or may hold what a forgotten snapshot lacks. */
  readonly unlisted: number;
  readonly unlistedLeft: number;
  /** Listed, not in the store, and not needed. */
  readonly missing: number;
  readonly total: number;
  readonly keep: number;
  readonly repack: number;
  readonly remove: number;
  readonly removeTotal: number;
}

export interface PruneTotals {
  readonly blobs: PruneBlobs;
  readonly bytes: PruneBytes;
  readonly packs: PrunePacks;
}

interface Parts {
  readonly facts: PackFacts;
  readonly usage: PackUsage;
  readonly decisions: Decisions;
  readonly unlisted: { readonly old: readonly UnlistedPack[]; readonly left: readonly UnlistedPack[] };
}

export function totalsOf({ facts, usage, decisions, unlisted }: Parts): PruneTotals {
  const blobs = new Sums();
  const bytes = new Sums();
  const actions = [0, 0, 0, 0];
  const packs = { used: 0, partlyUsed: 0, unused: 0 };
  let uncompressed = 0;
  for (let pack = 0; pack < decisions.actions.length; pack++) {
    const action = decisions.actions[pack] as number;
    actions[action] = (actions[action] as number) + 1;
    const [needed, spare, unused] = [usage.needed, usage.spare, usage.unused];
    const isNeeded = (needed.blobs[pack] as number) > 0;
    const isWholly = isNeeded && spare.blobs[pack] === 0 && unused.blobs[pack] === 0;
    blobs.add(action, needed.blobs[pack] as number, spare.blobs[pack] as number, unused.blobs[pack] as number);
    const header = facts.headerBytes[pack] as number;
    if (action !== UNLIST) {
      const [own, waste] = isNeeded ? [header, 0] : [0, header];
      bytes.add(
        action,
        (needed.bytes[pack] as number) + own,
        spare.bytes[pack] as number,
        (unused.bytes[pack] as number) + waste,
      );
      if (isWholly) packs.used++;
      else if (isNeeded) packs.partlyUsed++;
      else packs.unused++;
    }
    const isRaw = ((facts.kinds[pack] as number) & (RAW_DATA | RAW_TREES)) !== 0;
    if (isRaw && action === KEEP) uncompressed += facts.fileBytes[pack] as number;
  }
  const unlistedBytes = sizeOf(unlisted.old);
  return {
    blobs: blobs.result(),
    bytes: bytes.resultWith(unlistedBytes, uncompressed),
    packs: {
      ...packs,
      unlisted: unlisted.old.length,
      unlistedLeft: unlisted.left.length,
      missing: actions[UNLIST] as number,
      total: packs.used + packs.partlyUsed + packs.unused + unlisted.old.length + unlisted.left.length,
      keep: actions[KEEP] as number,
      repack: actions[REPACK] as number,
      remove: actions[REMOVE] as number,
      removeTotal: (actions[REMOVE] as number) + unlisted.old.length,
    },
  };
}

function sizeOf(packs: readonly UnlistedPack[]): number {
  return packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Adds up what is in packs, by what becomes of them. */
class Sums {
  #used = 0;
  #duplicate = 0;
  #unused = 0;
  #repack = 0;
  #repackRemove = 0;
  #remove = 0;

  add(action: number, needed: number, spare: number, unused: number): void {
    this.#used += needed;
    this.#duplicate += spare;
    this.#unused += unused;
    if (action === REPACK) {
      this.#repack += needed + spare + unused;
      this.#repackRemove += spare + unused;
    } else if (action !== KEEP) this.#remove += needed + spare + unused;
  }

  result(): PruneBlobs {
    const total = this.#used + this.#duplicate + this.#unused;
    const removeTotal = this.#remove + this.#repackRemove;
    return {
      used: this.#used,
      duplicate: this.#duplicate,
      unused: this.#unused,
      total,
      repack: this.#repack,
      repackRemove: this.#repackRemove,
      remove: this.#remove,
      removeTotal,
      remain: total - removeTotal,
    };
  }

  resultWith(unlisted: number, uncompressed: number): PruneBytes {
    const sums = this.result();
    return {
      ...sums,
      unlisted,
      uncompressed,
      total: sums.total + unlisted,
      removeTotal: sums.removeTotal + unlisted,
      remainUnused: sums.duplicate + sums.unused - sums.removeTotal,
    };
  }
}
