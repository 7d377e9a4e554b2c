/** Trees that wait to be searched, by the unit that they are read with. */
import { keyOf, type WantedTree } from "./wanted-tree.ts";

/** Trees of one unit that one worker gets. */
export interface Batch {
  readonly unit: number;
  readonly wanted: readonly WantedTree[];
}

interface Queued {
  readonly wanted: WantedTree;
  readonly sealedBytes: number;
}

export class TreeQueue {
  readonly #batchBytes: number;
  readonly #units = new Map<number, Map<number, Queued>>();
  #urgent: { readonly unit: number; readonly key: number } | undefined;

  /** @param batchBytes sealed bytes of a batch, which may be one tree more */
  constructor({ batchBytes }: { batchBytes: number }) {
    this.#batchBytes = batchBytes;
  }

  get isEmpty(): boolean {
    return this.#units.size === 0;
  }

  add(unit: number, wanted: WantedTree, sealedBytes: number): void {
    let queued = this.#units.get(unit);
    if (queued === undefined) this.#units.set(unit, (queued = new Map<number, Queued>()));
    queued.set(keyOf(wanted), { wanted, sealedBytes });
  }

  /** Lets the next batch begin with this tree, if it is still here. */
  putFirst(unit: number, wanted: WantedTree): void {
    this.#urgent = { unit, key: keyOf(wanted) };
  }

  /** The next trees: those of the unit that is given before others, since its bytes are at hand. */
  take(preferredUnit: number | undefined): Batch | undefined {
    const urgent = this.#takeUrgent();
    const [first] = this.#units.keys();
    const unit = urgent?.unit ?? (this.#units.has(preferredUnit ?? -1) ? preferredUnit : first);
    if (unit === undefined) return undefined;
    const queued = this.#units.get(unit);
    const wanted = urgent === undefined ? [] : [urgent.queued.wanted];
    let bytes = urgent?.queued.sealedBytes ?? 0;
    for (const [key, next] of queued ?? []) {
      if (bytes >= this.#batchBytes) break;
      wanted.push(next.wanted);
      bytes += next.sealedBytes;
      queued?.delete(key);
    }
    if (queued?.size === 0) this.#units.delete(unit);
    return { unit, wanted };
  }

  #takeUrgent(): { readonly unit: number; readonly queued: Queued } | undefined {
    const urgent = this.#urgent;
    this.#urgent = undefined;
    const queued = urgent === undefined ? undefined : this.#units.get(urgent.unit)?.get(urgent.key);
    if (urgent === undefined || queued === undefined) return undefined;
    this.#units.get(urgent.unit)?.delete(urgent.key);
    return { unit: urgent.unit, queued };
  }
}
