/** Reads the ranges of a window into shared memory on the main thread. */
import { isHoldfastError, type Semaphore } from "@holdfast/base";
import { loadInto, type Backend } from "@holdfast/storage";
import type { BlobIndex } from "../index/blob-index.ts";
import { RANGE_NUMBERS } from "./load-window.ts";

export class RangeLoader {
  readonly #backend: Backend;
  readonly #index: BlobIndex;
  readonly #calls: Semaphore;

  constructor(backend: Backend, index: BlobIndex, calls: Semaphore) {
    this.#backend = backend;
    this.#index = index;
    this.#calls = calls;
  }

  /**
   * @param ranges as `LoadWindow.plan` gives them
   * @returns the numbers of ranges that are damaged or missing
   * @throws what concerns the store as a whole, such as that it is out of reach
   */
  async load(ranges: Float64Array, room: SharedArrayBuffer, signal: AbortSignal): Promise<number[]> {
    const missing: number[] = [];
    const loads: Promise<void>[] = [];
    for (let at = 0; at < ranges.length; at += RANGE_NUMBERS) {
      const [pack, offset, length, place] = ranges.subarray(at, at + RANGE_NUMBERS) as unknown as Range;
      const target = new Uint8Array(room, place, length);
      const number = at / RANGE_NUMBERS;
      loads.push(
        this.#loadOne(pack, offset, target, signal).catch((error: unknown) => {
          // The reason of an abort may be damage of the whole.
          if (!isLoss(error) || signal.aborted) throw error;
          missing.push(number);
        }),
      );
    }
    await Promise.all(loads);
    return missing;
  }

  async #loadOne(pack: number, offset: number, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const release = await this.#calls.acquire();
    try {
      await loadInto(this.#backend, { type: "pack", name: this.#index.packId(pack) }, offset, target, { signal });
    } finally {
      release();
    }
  }
}

type Range = [pack: number, offset: number, length: number, place: number];

/** Whether an error means that this one thing is damaged or gone; anything else concerns the store. */
export function isLoss(error: unknown): boolean {
  return isHoldfastError(error) && (error.kind === "corrupt" || error.kind === "not-found");
}
