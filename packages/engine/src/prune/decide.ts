/**
 * What becomes of each pack: kept, removed, or packed anew without what nothing needs. The rules are restic's, so that both
 * programs leave a repository in the same state.
 */
import { HOLDS_DATA, HOLDS_TREES, type PackFacts, RAW_DATA, RAW_TREES } from "./pack-facts.ts";
import type { PackUsage } from "./pack-usage.ts";
import { packSizeOf, type PruneOptions, DEFAULT_MAX_UNUSED, unusedBytesAllowed } from "./options.ts";

/** Stays as it is. */
export const KEEP = 0;
/** Nothing in it is needed. */
export const REMOVE = 1;
/** What is needed moves to a new pack, then it goes. */
export const REPACK = 2;
/** The index lists it, the store does not have it, and nothing needs it. It is listed no more. */
export const UNLIST = 3;

/** Below this share of the pack size a pack is small. */
const SMALL_SHARE = 1 / 25;
/** Fewer small packs are not worth the work, unless it was asked for. */
const FEWEST_SMALL_PACKS = 10;

/** Bytes that nothing needs and that stay, by the rule that lets them. */
export interface StayingUnused {
  /** Less than `maxUnused` allows. */
  readonly tolerated: number;
  /** Their packs would have exceeded `maxRepackBytes`. */
  readonly repackLimit: number;
  /** In data packs, with `repackCacheableOnly`. */
  readonly dataPacks: number;
}

/** What becomes of the packs that the index lists. */
export interface Decisions {
  /** `KEEP`, `REMOVE`, `REPACK` or `UNLIST`, by the number of the pack. */
  readonly actions: Uint8Array;
  readonly staysUnused: StayingUnused;
}

interface Rules {
  readonly options: PruneOptions;
  readonly canCompress: boolean;
  /** False for a pack that stays whatever is in it. */
  readonly mayGo: (pack: number) => boolean;
}

/** @param canCompress whether the repository's version has compression */
export function decide(facts: PackFacts, usage: PackUsage, rules: Rules): Decisions {
  return new Decider(facts, usage, rules).run();
}

class Decider {
  readonly #facts: PackFacts;
  readonly #usage: PackUsage;
  readonly #options: PruneOptions;
  readonly #canCompress: boolean;
  readonly #mayGo: (pack: number) => boolean;
  readonly #actions: Uint8Array;
  readonly #smallBelow: number;
  readonly #staysUnused = { tolerated: 0, repackLimit: 0, dataPacks: 0 };

  constructor(facts: PackFacts, usage: PackUsage, { options, canCompress, mayGo }: Rules) {
    this.#facts = facts;
    this.#usage = usage;
    this.#options = options;
    this.#canCompress = canCompress;
    this.#mayGo = mayGo;
    this.#actions = new Uint8Array(facts.kinds.length);
    this.#smallBelow = options.smallPackBytes ?? packSizeOf(options) * SMALL_SHARE;
  }

  run(): Decisions {
    const candidates: number[] = [];
    const small: number[] = [];
    let usedBytes = 0;
    let unusedBytes = 0;
    for (let pack = 0; pack < this.#actions.length; pack++) {
      usedBytes += this.#usage.needed.bytes[pack] as number;
      if (this.#usage.needed.blobs[pack] === 0) {
        if (this.#mayGo(pack)) this.#actions[pack] = (this.#facts.fileBytes[pack] as number) < 0 ? UNLIST : REMOVE;
        continue;
      }
      unusedBytes += this.#uselessBytes(pack);
      if (!this.#mayGo(pack)) continue;
      if (this.#options.repackCacheableOnly === true && this.#isOfData(pack)) {
        this.#staysUnused.dataPacks += this.#uselessBytes(pack);
      } else if (this.#isPerfect(pack)) {
        if (this.#isSmall(pack)) small.push(pack);
      } else candidates.push(pack);
    }
    if (this.#isWorthMerging(small)) candidates.push(...small);
    this.#repack(candidates, unusedBytes, unusedBytesAllowed(this.#options.maxUnused ?? DEFAULT_MAX_UNUSED, usedBytes));
    return { actions: this.#actions, staysUnused: this.#staysUnused };
  }

  /** Goes through the candidates, the most useful first, as long as a rule asks for it and no limit is met. */
  #repack(candidates: number[], unusedBefore: number, allowed: number): void {
    candidates.sort((a, b) => this.#compare(a, b));
    const { maxRepackBytes = Number.POSITIVE_INFINITY } = this.#options;
    let unusedBytes = unusedBefore;
    let repackBytes = 0;
    for (const pack of candidates) {
      const packBytes = this.#facts.fileBytes[pack] as number;
      const useless = this.#uselessBytes(pack);
      const isWanted =
        !this.#isOfData(pack) || this.#mustCompress(pack) || this.#isSmall(pack) || unusedBytes > allowed;
      if (!isWanted) this.#staysUnused.tolerated += useless;
      else if (repackBytes + packBytes > maxRepackBytes) this.#staysUnused.repackLimit += useless;
      else {
        this.#actions[pack] = REPACK;
        repackBytes += packBytes;
        unusedBytes -= useless;
      }
    }
  }

  /** Packs with trees first, as every run reads them; then small ones; then those with the largest share of nothing. */
  #compare(a: number, b: number): number {
    const byKind = Number(this.#isOfData(a)) - Number(this.#isOfData(b));
    if (byKind !== 0) return byKind;
    const bySize = Number(this.#isSmall(b)) - Number(this.#isSmall(a));
    if (bySize !== 0) return bySize;
    const share = (pack: number): number => this.#uselessBytes(pack) / (this.#facts.fileBytes[pack] as number);
    return share(b) - share(a) || a - b;
  }

  #uselessBytes(pack: number): number {
    return (this.#usage.unused.bytes[pack] as number) + (this.#usage.spare.bytes[pack] as number);
  }

  #isSmall(pack: number): boolean {
    return (this.#facts.fileBytes[pack] as number) < this.#smallBelow;
  }

  /** Only of data: a cache does not keep it. */
  #isOfData(pack: number): boolean {
    return ((this.#facts.kinds[pack] as number) & HOLDS_TREES) === 0;
  }

  /** All of it is needed, of one kind, and as well compressed as asked for. */
  #isPerfect(pack: number): boolean {
    const kinds = this.#facts.kinds[pack] as number;
    const isMixed = (kinds & HOLDS_DATA) !== 0 && (kinds & HOLDS_TREES) !== 0;
    const isFull = this.#usage.unused.blobs[pack] === 0 && this.#usage.spare.blobs[pack] === 0;
    return isFull && !isMixed && !this.#mustCompress(pack);
  }

  #mustCompress(pack: number): boolean {
    if (!this.#canCompress) return false;
    const wanted = RAW_TREES | (this.#options.repackUncompressed === true ? RAW_DATA : 0);
    return ((this.#facts.kinds[pack] as number) & wanted) !== 0;
  }

  /** Whether putting small packs together makes fewer of them; else it would be done again and again. */
  #isWorthMerging(small: readonly number[]): boolean {
    if (this.#options.smallPackBytes === undefined && small.length < FEWEST_SMALL_PACKS) return false;
    const packSize = packSizeOf(this.#options);
    const after = (packs: readonly number[]): number =>
      Math.ceil(packs.reduce((sum, pack) => sum + (this.#facts.fileBytes[pack] as number), 0) / packSize);
    const trees = small.filter((pack) => !this.#isOfData(pack));
    const data = small.filter((pack) => this.#isOfData(pack));
    return after(trees) + after(data) < small.length;
  }
}
