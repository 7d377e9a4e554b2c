/** A set of ids that is asked for every blob of every file: most answers are "no", and are given without making a string. */
import { ID_BYTES, type Id } from "../format/id.ts";

const DIGITS = 4;
const BITS_PER_DIGIT = 5;

export class WantedIds {
  readonly #ids: ReadonlySet<string>;
  /** By the first digits of an id: whether any begins so. */
  readonly #begins = new Uint8Array(1 << (DIGITS * BITS_PER_DIGIT));

  constructor(ids: readonly Id[]) {
    this.#ids = new Set(ids);
    for (const id of ids) this.#begins[slotOf(Buffer.from(id, "latin1"), 0)] = 1;
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  has(id: Id): boolean {
    return this.#ids.has(id);
  }

  /** The id that is written as hex digits at this place, when it is one of them. */
  at(bytes: Uint8Array, at: number): Id | undefined {
    if (this.#begins[slotOf(bytes, at)] === 0) return undefined;
    const id = Buffer.prototype.latin1Slice.call(bytes, at, at + 2 * ID_BYTES);
    return this.#ids.has(id) ? (id as Id) : undefined;
  }
}

/** Hex digits differ in their lower five bits. */
function slotOf(bytes: Uint8Array, at: number): number {
  let slot = 0;
  for (let n = 0; n < DIGITS; n++) slot = (slot << BITS_PER_DIGIT) | ((bytes[at + n] as number) & 31);
  return slot;
}
