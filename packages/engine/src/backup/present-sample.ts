/**
 * A random sample, in shared memory, of the blobs that workers met and did not store, since the repository had them already. Each
 * blob that is met draws a number; the smallest are kept, so that all have the same chance, whichever worker meets them and however
 * many there are.
 */
import { ID_BYTES, idFromBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { Mutex } from "../workers/mutex.ts";

/** More than a run is going to read. */
const SLOTS = 1024;
const LARGEST_DRAW = 0xffff_ffff;

// Words of the control part.
const MUTEX = 0;
const LIMIT = 1;
const FILLED = 2;
const PACKS = 3;
const CONTROL_WORDS = 4;

/** Hand this to another thread, for `attach`. */
export interface SharedPresentSample {
  readonly control: SharedArrayBuffer;
  readonly draws: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
  /** 1 for a tree. */
  readonly types: SharedArrayBuffer;
}

/** A blob that a backup relies on and has not stored. */
export interface PresentBlob {
  readonly type: BlobType;
  readonly id: Id;
}

export class PresentSample {
  readonly shared: SharedPresentSample;
  readonly #control: Int32Array;
  readonly #unsigned: Uint32Array;
  readonly #draws: Uint32Array;
  readonly #ids: Uint8Array;
  readonly #types: Uint8Array;
  readonly #mutex: Mutex;

  private constructor(shared: SharedPresentSample) {
    this.shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#unsigned = new Uint32Array(shared.control);
    this.#draws = new Uint32Array(shared.draws);
    this.#ids = new Uint8Array(shared.ids);
    this.#types = new Uint8Array(shared.types);
    this.#mutex = new Mutex(this.#control, MUTEX);
  }

  static create(): PresentSample {
    const sample = new PresentSample({
      control: new SharedArrayBuffer(CONTROL_WORDS * 4),
      draws: new SharedArrayBuffer(SLOTS * 4),
      ids: new SharedArrayBuffer(SLOTS * ID_BYTES),
      types: new SharedArrayBuffer(SLOTS),
    });
    Atomics.store(sample.#unsigned, LIMIT, LARGEST_DRAW);
    return sample;
  }

  /** The same sample in another thread. */
  static attach(shared: SharedPresentSample): PresentSample {
    return new PresentSample(shared);
  }

  /** Says how many packs there were before the run stored its own: only what lies in these is somebody else's word. */
  begin(packs: number): void {
    Atomics.store(this.#control, PACKS, packs);
  }

  /** A blob was met that need not be stored. @param draw a random number below 2^32 */
  offer(type: BlobType, id: Uint8Array, index: BlobIndex, draw = Math.floor(Math.random() * LARGEST_DRAW)): void {
    if (draw >= Atomics.load(this.#unsigned, LIMIT)) return;
    const place = index.find(type, id, 0);
    // Another worker of this run is storing it, or has.
    if (place === undefined || place.pack >= Atomics.load(this.#control, PACKS)) return;
    this.#mutex.run(() => this.#put(type, id, draw));
  }

  /** The sample in the order of the draws, each blob once. */
  blobs(): PresentBlob[] {
    const order = Array.from({ length: this.#filled }, (_, slot) => slot);
    order.sort((a, b) => (this.#draws[a] as number) - (this.#draws[b] as number));
    const found = new Map<string, PresentBlob>();
    for (const slot of order) {
      const type = this.#types[slot] === 1 ? "tree" : "data";
      const id = idFromBytes(this.#ids, slot * ID_BYTES);
      found.set(`${type} ${id}`, { type, id });
    }
    return [...found.values()];
  }

  get #filled(): number {
    return Atomics.load(this.#control, FILLED);
  }

  /** With the mutex held. */
  #put(type: BlobType, id: Uint8Array, draw: number): void {
    const filled = this.#filled;
    const slot = filled < SLOTS ? filled : this.#slotOfLargest();
    if (filled < SLOTS) Atomics.store(this.#control, FILLED, filled + 1);
    else if (draw >= (this.#draws[slot] as number)) return;
    this.#draws[slot] = draw;
    this.#ids.set(id.subarray(0, ID_BYTES), slot * ID_BYTES);
    this.#types[slot] = type === "tree" ? 1 : 0;
    if (filled + 1 >= SLOTS) Atomics.store(this.#unsigned, LIMIT, this.#draws[this.#slotOfLargest()] as number);
  }

  #slotOfLargest(): number {
    let largest = 0;
    for (let slot = 1; slot < SLOTS; slot++) {
      if ((this.#draws[slot] as number) > (this.#draws[largest] as number)) largest = slot;
    }
    return largest;
  }
}
