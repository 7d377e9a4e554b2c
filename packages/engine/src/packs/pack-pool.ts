/**
 * Open packs in shared memory. Any worker reserves room in one under a short lock, then seals its blob straight into that
 * room; whoever completes a full pack hashes it and hands it over. Memory is a fixed number of slots, whatever the number of
 * workers, and a worker that finds no free slot sleeps until a pack has been saved: that is the back-pressure of a backup.
 *
 * Data blobs go to one of two open packs at random, so that sizes of consecutive chunks of a file cannot be read off a pack
 * (the chunking attack of Alexeev, Percival and Zhang, https://eprint.iacr.org/2025/532.pdf).
 */
import { randomFillSync } from "node:crypto";
import { Sealer, SEAL_OVERHEAD, type MasterKey } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { hashInto, idFromBytes, type BlobType, type Id } from "../format/id.ts";
import { encodePackHeaderEntries } from "../format/pack-header.ts";
import { Mutex } from "../workers/mutex.ts";
import { ENTRY_BYTES } from "./pack-json.ts";

const MAX_ENTRIES = 64_000;
/** Room past the pack size: the blob that fills a pack may be this large. */
const OVERHANG_BYTES = 8 * 1024 * 1024 + 64 * 1024;
/** Open packs for data blobs (two, chosen at random) and for tree blobs (one). */
const POSITIONS = 3;
const DATA_POSITIONS = 2;

// Control words: one block for the pool, then one block a slot.
const MUTEX = 0;
const FREED = 1;
const ABORTED = 2;
const POSITION = 3;
const SLOTS = POSITION + POSITIONS;
const SLOT_WORDS = 5;
const STATE = 0;
const TYPE = 1;
const USED = 2;
const COUNT = 3;
const WRITERS = 4;

const FREE = 0;
const OPEN = 1;
const CLOSED = 2;

/** What a thread needs to take part: shared buffers and sizes. */
export interface SharedPackPool {
  readonly control: SharedArrayBuffer;
  readonly data: readonly SharedArrayBuffer[];
  readonly entries: readonly SharedArrayBuffer[];
  readonly packSizeBytes: number;
}

/** A complete pack. `slot` is its place in the pool, to be freed after saving; -1 when `bytes` stands alone. */
export interface FinishedPack {
  readonly slot: number;
  readonly id: Id;
  readonly type: BlobType;
  readonly lengthBytes: number;
  /** One entry of `ENTRY_BYTES` a blob, in pack order. */
  readonly entries: Uint8Array;
  /** Only for a blob too large for a slot. */
  readonly bytes: Uint8Array | undefined;
}

export class PackPool {
  readonly #shared: SharedPackPool;
  readonly #control: Int32Array;
  readonly #mutex: Mutex;

  private constructor(shared: SharedPackPool) {
    this.#shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#mutex = new Mutex(this.#control, MUTEX);
  }

  /** @param slots open packs plus packs on their way to the backend; at least 4 */
  static create({ packSizeBytes, slots }: { packSizeBytes: number; slots: number }): PackPool {
    const control = new SharedArrayBuffer((SLOTS + slots * SLOT_WORDS) * 4);
    new Int32Array(control).fill(-1, POSITION, POSITION + POSITIONS);
    const buffers = (bytes: number): SharedArrayBuffer[] =>
      Array.from({ length: slots }, () => new SharedArrayBuffer(bytes));
    return new PackPool({
      control,
      data: buffers(packSizeBytes + OVERHANG_BYTES + MAX_ENTRIES * ENTRY_BYTES),
      entries: buffers(MAX_ENTRIES * ENTRY_BYTES),
      packSizeBytes,
    });
  }

  static attach(shared: SharedPackPool): PackPool {
    return new PackPool(shared);
  }

  get shared(): SharedPackPool {
    return this.#shared;
  }

  /** The bytes of a finished pack, until it is freed. */
  bytesOf(pack: FinishedPack): Uint8Array {
    if (pack.bytes !== undefined) return pack.bytes;
    return new Uint8Array(this.#shared.data[pack.slot] as SharedArrayBuffer, 0, pack.lengthBytes);
  }

  /** Gives a slot back after its pack was saved. */
  free(pack: FinishedPack): void {
    if (pack.slot < 0) return;
    this.#mutex.run(() => {
      this.#setWord(pack.slot, STATE, FREE);
    });
    Atomics.add(this.#control, FREED, 1);
    Atomics.notify(this.#control, FREED);
  }

  /** Wakes every worker that waits for a slot; they throw. */
  abort(): void {
    Atomics.store(this.#control, ABORTED, 1);
    Atomics.add(this.#control, FREED, 1);
    Atomics.notify(this.#control, FREED);
  }

  /**
   * Reserves room for a sealed blob.
   * @returns the slot and the offset, or `undefined` when the blob is so large that it needs a pack of its own
   * @throws ENGINE_ABORTED after `abort`
   */
  reserve(
    type: BlobType,
    id: Uint8Array,
    idOffset: number,
    sealedBytes: number,
    plainBytes: number,
  ): Place | undefined {
    if (sealedBytes >= this.#shared.packSizeBytes || sealedBytes > OVERHANG_BYTES) return undefined;
    const position = type === "tree" ? DATA_POSITIONS : randomBit();
    for (;;) {
      if (Atomics.load(this.#control, ABORTED) === 1) throw engineError("ENGINE_ABORTED");
      const seen = Atomics.load(this.#control, FREED);
      const place = this.#mutex.run(() => {
        const slot = this.#openSlot(position, type);
        return slot < 0 ? undefined : this.#take(slot, position, { type, id, idOffset, sealedBytes, plainBytes });
      });
      if (place !== undefined) return place;
      Atomics.wait(this.#control, FREED, seen);
    }
  }

  /** The place's bytes are written. @returns the slot when this completed a full pack, else -1 */
  written(place: Place): number {
    return this.#mutex.run(() => {
      const writers = this.#word(place.slot, WRITERS) - 1;
      this.#setWord(place.slot, WRITERS, writers);
      return writers === 0 && this.#word(place.slot, STATE) === CLOSED ? place.slot : -1;
    });
  }

  /**
   * Closes the open packs, when nobody writes any more. Remainders are merged where they fit into one pack, so that a
   * small backup does not show the sizes of its few blobs.
   */
  closeAll(): number[] {
    return this.#mutex.run(() => {
      const [first, second, tree] = [0, 1, 2].map((p) => Atomics.load(this.#control, POSITION + p));
      const slots = [first, second, tree].filter((slot): slot is number => slot !== undefined && slot >= 0);
      this.#control.fill(-1, POSITION, POSITION + POSITIONS);
      if (first !== undefined && second !== undefined && first >= 0 && second >= 0 && this.#merge(first, second)) {
        slots.splice(slots.indexOf(second), 1);
      }
      for (const slot of slots) this.#setWord(slot, STATE, CLOSED);
      return slots;
    });
  }

  /** Room of a reserved place, to seal into. */
  room(slot: number): Uint8Array {
    return new Uint8Array(this.#shared.data[slot] as SharedArrayBuffer);
  }

  /** Adds header and hash to a closed pack. */
  finish(slot: number, sealer: Sealer): FinishedPack {
    const count = this.#word(slot, COUNT);
    const used = this.#word(slot, USED);
    const entries = new Uint8Array(this.#shared.entries[slot] as SharedArrayBuffer).slice(0, count * ENTRY_BYTES);
    const lengthBytes = used + appendHeader(entries, this.room(slot), used, sealer);
    const type = this.#word(slot, TYPE) === 1 ? "tree" : "data";
    return { slot, id: hashOf(this.room(slot).subarray(0, lengthBytes)), type, lengthBytes, entries, bytes: undefined };
  }

  /** Moves the blobs of `from` behind those of `to` when the result is still below the pack size. */
  #merge(to: number, from: number): boolean {
    const used = this.#word(to, USED);
    const count = this.#word(to, COUNT);
    const [moreBytes, moreEntries] = [this.#word(from, USED), this.#word(from, COUNT)];
    if (used + moreBytes >= this.#shared.packSizeBytes || count + moreEntries > MAX_ENTRIES) return false;
    this.room(to).set(this.room(from).subarray(0, moreBytes), used);
    const entriesOf = (slot: number): Uint8Array => new Uint8Array(this.#shared.entries[slot] as SharedArrayBuffer);
    entriesOf(to).set(entriesOf(from).subarray(0, moreEntries * ENTRY_BYTES), count * ENTRY_BYTES);
    this.#setWord(to, USED, used + moreBytes);
    this.#setWord(to, COUNT, count + moreEntries);
    this.#setWord(from, STATE, FREE);
    return true;
  }

  /** The open slot of a position; takes a free one if there is none. -1 when all slots are busy. */
  #openSlot(position: number, type: BlobType): number {
    const open = Atomics.load(this.#control, POSITION + position);
    if (open >= 0) return open;
    const slots = this.#shared.data.length;
    for (let n = 0; n < slots; n++) {
      // Packs of very small files stay small, for they have many entries; packs of trees do not. A slot that never holds
      // trees then never takes the memory of a whole pack.
      const slot = type === "tree" ? slots - 1 - n : n;
      if (this.#word(slot, STATE) !== FREE) continue;
      this.#setWord(slot, STATE, OPEN);
      this.#setWord(slot, TYPE, type === "tree" ? 1 : 0);
      this.#setWord(slot, USED, 0);
      this.#setWord(slot, COUNT, 0);
      this.#setWord(slot, WRITERS, 0);
      Atomics.store(this.#control, POSITION + position, slot);
      return slot;
    }
    return -1;
  }

  #take(slot: number, position: number, blob: NewBlob): Place {
    const offset = this.#word(slot, USED);
    const number = this.#word(slot, COUNT);
    writeEntry(new Uint8Array(this.#shared.entries[slot] as SharedArrayBuffer), number * ENTRY_BYTES, blob);
    this.#setWord(slot, USED, offset + blob.sealedBytes);
    this.#setWord(slot, COUNT, number + 1);
    this.#setWord(slot, WRITERS, this.#word(slot, WRITERS) + 1);
    if (offset + blob.sealedBytes >= this.#shared.packSizeBytes || number + 1 >= MAX_ENTRIES) {
      this.#setWord(slot, STATE, CLOSED);
      Atomics.store(this.#control, POSITION + position, -1);
    }
    return { slot, offset };
  }

  #word(slot: number, word: number): number {
    return Atomics.load(this.#control, SLOTS + slot * SLOT_WORDS + word);
  }

  #setWord(slot: number, word: number, value: number): void {
    Atomics.store(this.#control, SLOTS + slot * SLOT_WORDS + word, value);
  }
}

/** Room for one sealed blob in a pool. */
export interface Place {
  readonly slot: number;
  readonly offset: number;
}

interface NewBlob {
  readonly type: BlobType;
  readonly id: Uint8Array;
  readonly idOffset: number;
  readonly sealedBytes: number;
  /** 0 when the blob is stored uncompressed. */
  readonly plainBytes: number;
}

/** Seals blobs into a pool on behalf of one thread. */
export class PackSealer {
  readonly #pool: PackPool;
  readonly #sealer: Sealer;
  readonly #onPack: (pack: FinishedPack) => void;

  constructor(pool: PackPool, key: MasterKey, onPack: (pack: FinishedPack) => void) {
    this.#pool = pool;
    this.#sealer = new Sealer(key);
    this.#onPack = onPack;
  }

  /**
   * Stores one blob. `payload` is what is sealed: the blob, or its compressed form of which `plainBytes` is the plain size.
   * @returns the sealed size. @throws ENGINE_ABORTED
   */
  store(type: BlobType, id: Uint8Array, idOffset: number, payload: Uint8Array, plainBytes: number): number {
    const sealedBytes = payload.length + SEAL_OVERHEAD;
    const place = this.#pool.reserve(type, id, idOffset, sealedBytes, plainBytes);
    if (place === undefined) {
      this.#onPack(packOfOne({ type, id, idOffset, sealedBytes, plainBytes }, payload, this.#sealer));
      return sealedBytes;
    }
    this.#sealer.sealInto(payload, this.#pool.room(place.slot), place.offset);
    const full = this.#pool.written(place);
    if (full >= 0) this.#onPack(this.#pool.finish(full, this.#sealer));
    return sealedBytes;
  }

  /** Finishes the packs that are still open. Only when no thread stores any more. */
  flush(): void {
    for (const slot of this.#pool.closeAll()) this.#onPack(this.#pool.finish(slot, this.#sealer));
  }
}

function packOfOne(blob: NewBlob, payload: Uint8Array, sealer: Sealer): FinishedPack {
  const entries = new Uint8Array(ENTRY_BYTES);
  writeEntry(entries, 0, blob);
  const bytes = new Uint8Array(blob.sealedBytes + SEAL_OVERHEAD + ENTRY_BYTES + 4);
  sealer.sealInto(payload, bytes, 0);
  const lengthBytes = blob.sealedBytes + appendHeader(entries, bytes, blob.sealedBytes, sealer);
  const whole = bytes.subarray(0, lengthBytes);
  return { slot: -1, id: hashOf(whole), type: blob.type, lengthBytes, entries, bytes: whole };
}

function appendHeader(entries: Uint8Array, bytes: Uint8Array, offset: number, sealer: Sealer): number {
  const written = sealer.sealInto(encodePackHeaderEntries(entries), bytes, offset);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset + written, written, true);
  return written + 4;
}

function writeEntry(entries: Uint8Array, offset: number, blob: NewBlob): void {
  const view = new DataView(entries.buffer, entries.byteOffset);
  view.setUint8(offset, (blob.type === "tree" ? 1 : 0) | (blob.plainBytes > 0 ? 2 : 0));
  view.setUint32(offset + 1, blob.sealedBytes, true);
  view.setUint32(offset + 5, blob.plainBytes, true);
  entries.set(blob.id.subarray(blob.idOffset, blob.idOffset + 32), offset + 9);
}

function hashOf(bytes: Uint8Array): Id {
  const raw = new Uint8Array(32);
  hashInto(bytes, raw, 0);
  return idFromBytes(raw);
}

const randomBytes = new Uint8Array(4096);
let randomAt = randomBytes.length;

function randomBit(): number {
  if (randomAt === randomBytes.length) {
    randomFillSync(randomBytes);
    randomAt = 0;
  }
  return (randomBytes[randomAt++] as number) & 1;
}
