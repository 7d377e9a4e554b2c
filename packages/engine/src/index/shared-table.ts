/**
 * A hash table in shared memory from 32-byte ids to records of 32-bit words, for any number of threads at once.
 *
 * Records are append-only and never move. A table of slots, open-addressed with linear probing, leads from an id to its
 * record. Writers hold the caller's mutex. Readers take no lock:
 *  - A slot is stored atomically after its record was written: who sees the slot sees the record (release, acquire).
 *  - Only a rebuild of the slots takes anything away. It holds the generation odd, and a reader accepts an answer only
 *    if the generation was the same even number before and after. All accesses to slots and generation are atomic, so
 *    they have one order: a reader that saw a slot of a rebuild also sees its odd or its next generation, and waits for
 *    the mutex.
 *  - A growable buffer only ever grows, so a view made earlier stays valid; it is renewed when a record lies beyond it.
 */
import { randomFillSync } from "node:crypto";
import { engineError } from "../errors.ts";
import { ID_BYTES } from "../format/id.ts";
import type { Mutex } from "../workers/mutex.ts";

/** The first eight words of a record are the id; the next holds the kind in its sign bit, the rest is the caller's. */
export const META_WORD = 8;
/** Words that a table needs of the control buffer. A cache line of its own keeps readers apart from the mutex. */
export const CONTROL_WORDS = 16;

// Control words.
const GENERATION = 0;
const COUNT = 1;
const BITS = 2;
const MULTIPLIER_A = 3;
const MULTIPLIER_B = 4;

const KIND_BIT = 0x8000_0000 | 0;
const MIN_BITS = 10;
const MAX_LOAD = 0.75;
const MIN_GROWTH_BYTES = 65_536;

/** What another thread needs to use the same table. Survives structured clone. */
export interface SharedTableMemory {
  readonly recordWords: number;
  readonly records: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
}

/**
 * Makes the memory of an empty table. `words` is zero at `at` and for `CONTROL_WORDS` more. Address space is reserved
 * for `2 ** maxBits` slots and their records, but no memory is used for it.
 */
export function createTableMemory(
  words: Int32Array,
  at: number,
  { recordWords, expectedRecords, maxBits }: { recordWords: number; expectedRecords: number; maxBits: number },
): SharedTableMemory {
  const bits = Math.min(maxBits, Math.max(MIN_BITS, Math.ceil(Math.log2((expectedRecords + 1) / MAX_LOAD))));
  words[at + BITS] = bits;
  // Odd random multipliers make the hash universal: nobody can prepare content whose ids collide in this process.
  const seeds = randomFillSync(new Int32Array(2));
  words[at + MULTIPLIER_A] = (seeds[0] as number) | 1;
  words[at + MULTIPLIER_B] = (seeds[1] as number) | 1;
  return {
    recordWords,
    records: new SharedArrayBuffer(MIN_GROWTH_BYTES, { maxByteLength: 2 ** maxBits * MAX_LOAD * recordWords * 4 }),
    slots: new SharedArrayBuffer(4 * 2 ** bits, { maxByteLength: 4 * 2 ** maxBits }),
  };
}

export class SharedTable {
  readonly #memory: SharedTableMemory;
  readonly #control: Int32Array;
  readonly #mutex: Mutex;
  readonly #recordWords: number;
  readonly #multiplierA: number;
  readonly #multiplierB: number;
  #records: Int32Array;
  #slots: Int32Array;
  #bits = 0;
  #generation = -1;
  // Where the last search ended without a match: the vacant slot at the end of the chain, and the hash of the id.
  #vacantSlot = -1;
  #vacantHash = 0;

  /** @param control the `CONTROL_WORDS` words given to `createTableMemory`; `mutex` is the one that all writers hold */
  constructor(memory: SharedTableMemory, control: Int32Array, mutex: Mutex) {
    this.#memory = memory;
    this.#control = control;
    this.#mutex = mutex;
    this.#recordWords = memory.recordWords;
    this.#multiplierA = control[MULTIPLIER_A] as number;
    this.#multiplierB = control[MULTIPLIER_B] as number;
    this.#records = new Int32Array(memory.records, 0, memory.records.byteLength >>> 2);
    this.#slots = new Int32Array(0);
  }

  /** Number of records. All below it can be read. */
  get count(): number {
    return Atomics.load(this.#control, COUNT);
  }

  /** Bytes allocated: an upper bound of what is resident. */
  get allocatedBytes(): number {
    return this.#memory.records.byteLength + this.#memory.slots.byteLength;
  }

  /** The first record of this id and kind (0, or -1 for the sign bit); -1 if there is none. */
  find(id: Uint8Array, idOffset: number, kind: number): number {
    for (;;) {
      const generation = Atomics.load(this.#control, GENERATION);
      if ((generation & 1) === 0) {
        if (generation !== this.#generation) this.#mapSlots(generation);
        const record = this.#probe(id, idOffset, kind, undefined);
        if (Atomics.load(this.#control, GENERATION) === generation) return record;
      }
      this.#awaitRebuild();
    }
  }

  /** All records of this id and kind, oldest first. */
  findAll(id: Uint8Array, idOffset: number, kind: number): number[] {
    for (;;) {
      const generation = Atomics.load(this.#control, GENERATION);
      if ((generation & 1) === 0) {
        if (generation !== this.#generation) this.#mapSlots(generation);
        const found: number[] = [];
        this.#probe(id, idOffset, kind, found);
        if (Atomics.load(this.#control, GENERATION) === generation) return found;
      }
      this.#awaitRebuild();
    }
  }

  /**
   * Adds a record and returns its number. Call it with the mutex held, right after `find` gave -1 for this id and kind
   * or after `findAll`: both end where the record belongs, behind older ones of the same id.
   *
   * @param words the words from `META_WORD` on; the sign of the first is the kind
   * @throws ENGINE_INDEX_FULL
   */
  append(id: Uint8Array, idOffset: number, words: Int32Array): number {
    const record = this.count;
    this.#makeRoom(record);
    const records = this.#records;
    const base = record * this.#recordWords;
    for (let word = 0; word < META_WORD; word++) records[base + word] = wordAt(id, idOffset + 4 * word);
    for (let word = 0; word < words.length; word++) records[base + META_WORD + word] = words[word] as number;
    Atomics.store(this.#slots, this.#vacantSlot, (this.#vacantHash << this.#bits) | (record + 1));
    Atomics.store(this.#control, COUNT, record + 1);
    return record;
  }

  /** A word of a record that exists. */
  word(record: number, word: number): number {
    const at = record * this.#recordWords + word;
    if (at >= this.#records.length) this.#mapRecords();
    return this.#records[at] as number;
  }

  /** Reads a word so that everything written before its `publishWord` is visible. */
  publishedWord(record: number, word: number): number {
    const at = record * this.#recordWords + word;
    if (at >= this.#records.length) this.#mapRecords();
    return Atomics.load(this.#records, at);
  }

  /** Writes a word of an existing record, with the mutex held; for words that readers do not look at yet. */
  setWord(record: number, word: number, value: number): void {
    const at = record * this.#recordWords + word;
    if (at >= this.#records.length) this.#mapRecords();
    this.#records[at] = value;
  }

  /** Writes a word with the mutex held; a reader of it by `publishedWord` sees all that was set before. */
  publishWord(record: number, word: number, value: number): void {
    const at = record * this.#recordWords + word;
    if (at >= this.#records.length) this.#mapRecords();
    Atomics.store(this.#records, at, value);
  }

  /**
   * Makes a record one that no search finds, with the mutex held: its id is changed to one that no content has, and
   * all of its meta word but the kind is cleared. A search at the same moment finds it or not.
   */
  forget(record: number): void {
    this.publishWord(record, 0, ~this.word(record, 0));
    this.publishWord(record, META_WORD, this.word(record, META_WORD) & KIND_BIT);
  }

  /** Copies the 32 bytes of a record's id. */
  copyId(record: number, out: Uint8Array, offset: number): void {
    if (offset < 0 || offset + ID_BYTES > out.length) throw new RangeError("no room for an id at this offset");
    for (let word = 0; word < META_WORD; word++) {
      const value = this.word(record, word);
      const at = offset + 4 * word;
      out[at] = value;
      out[at + 1] = value >>> 8;
      out[at + 2] = value >>> 16;
      out[at + 3] = value >>> 24;
    }
  }

  /**
   * Searches the slots as this thread sees them: the first match, or with `all` every match. It ends even while a
   * rebuild is changing the slots under it, because it looks at each slot once at most and trusts no record number.
   */
  #probe(id: Uint8Array, idOffset: number, kind: number, all: number[] | undefined): number {
    if (!(idOffset >= 0 && idOffset + ID_BYTES <= id.length)) throw new RangeError("no whole id at this offset");
    const slots = this.#slots;
    const bits = this.#bits;
    const mask = slots.length - 1;
    const first = wordAt(id, idOffset);
    const second = wordAt(id, idOffset + 4);
    const hash = this.#hash(first, second);
    const tag = hash << bits;
    let at = hash >>> (32 - bits);
    for (let left = slots.length; left > 0; left--) {
      const slot = Atomics.load(slots, at);
      if (slot === 0) {
        this.#vacantSlot = at;
        this.#vacantHash = hash;
        return -1;
      }
      // The number of a record needs `bits` bits, so the others tell most strangers apart without a look at the record.
      if ((slot ^ tag) >>> bits === 0) {
        const record = (slot & mask) - 1;
        if (this.#isAt(record, first, second, id, idOffset, kind)) {
          if (all === undefined) return record;
          all.push(record);
        }
      }
      at = (at + 1) & mask;
    }
    return -1;
  }

  #isAt(record: number, first: number, second: number, id: Uint8Array, idOffset: number, kind: number): boolean {
    const base = record * this.#recordWords;
    if (base + META_WORD >= this.#records.length) this.#mapRecords();
    const records = this.#records;
    // Beyond the records, or -1 before them: undefined, which equals no word.
    if (records[base] !== first || records[base + 1] !== second) return false;
    for (let word = 2; word < META_WORD; word++) {
      if (records[base + word] !== wordAt(id, idOffset + 4 * word)) return false;
    }
    return ((records[base + META_WORD] as number) ^ kind) >= 0;
  }

  /** Multiply-shift hashing; the place comes from the upper bits, the tag from the lower ones. */
  #hash(first: number, second: number): number {
    return (Math.imul(first, this.#multiplierA) + Math.imul(second, this.#multiplierB)) | 0;
  }

  /** The first vacant slot of a hash. */
  #vacancy(hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hash >>> (32 - this.#bits);
    while (Atomics.load(slots, at) !== 0) at = (at + 1) & mask;
    return at;
  }

  #makeRoom(record: number): void {
    const end = (record + 1) * this.#recordWords;
    if (end > this.#records.length) {
      const { records } = this.#memory;
      if (4 * end > records.byteLength) {
        const step = Math.max(MIN_GROWTH_BYTES, records.byteLength >>> 4);
        growTo(records, Math.max(4 * end, Math.min(records.byteLength + step, records.maxByteLength)), record);
      }
      this.#mapRecords();
    }
    if (record + 1 > this.#slots.length * MAX_LOAD) {
      this.#rebuild(record);
      this.#vacantSlot = this.#vacancy(this.#vacantHash);
    }
  }

  /** Doubles the slots. */
  #rebuild(count: number): void {
    const { slots } = this.#memory;
    const bits = this.#bits + 1;
    growTo(slots, 4 * 2 ** bits, count);
    const generation = Atomics.load(this.#control, GENERATION);
    Atomics.store(this.#control, GENERATION, generation + 1);
    Atomics.store(this.#control, BITS, bits);
    for (let at = 0; at < this.#slots.length; at++) Atomics.store(this.#slots, at, 0);
    this.#mapSlots(generation + 2);
    // In order of their numbers, so that of records with the same id the oldest is found first.
    for (let record = 0, base = 0; record < count; record++, base += this.#recordWords) {
      const hash = this.#hash(this.#records[base] as number, this.#records[base + 1] as number);
      Atomics.store(this.#slots, this.#vacancy(hash), (hash << bits) | (record + 1));
    }
    Atomics.store(this.#control, GENERATION, generation + 2);
  }

  #mapSlots(generation: number): void {
    this.#bits = Atomics.load(this.#control, BITS);
    this.#slots = new Int32Array(this.#memory.slots, 0, 2 ** this.#bits);
    this.#generation = generation;
  }

  #mapRecords(): void {
    // Views of fixed length are read at full speed; one that follows the buffer's length costs four times as much.
    this.#records = new Int32Array(this.#memory.records, 0, this.#memory.records.byteLength >>> 2);
  }

  #awaitRebuild(): void {
    this.#mutex.run(() => undefined);
  }
}

/** Four bytes of an id as one word, whatever their alignment. */
function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function growTo(buffer: SharedArrayBuffer, bytes: number, count: number): void {
  try {
    buffer.grow(bytes);
  } catch (cause) {
    throw engineError("ENGINE_INDEX_FULL", { count, bytes }, cause);
  }
}
