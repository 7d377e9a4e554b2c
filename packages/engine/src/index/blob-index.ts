/**
 * Where every blob of a repository is stored: one index in shared memory that all threads read and extend at once.
 *
 * 48 bytes a blob and 5 to 11 bytes of slots; 10 million blobs take about 560 MB. See `shared-table.ts` for how threads
 * agree.
 */
import { engineError } from "../errors.ts";
import { ID_BYTES, idFromBytes, idToBytes, type BlobType, type Id } from "../format/id.ts";
import { Mutex } from "../workers/mutex.ts";
import type { BlobBatch } from "./blob-batch.ts";
import { CONTROL_WORDS, META_WORD, SharedTable, type SharedTableMemory, createTableMemory } from "./shared-table.ts";

/** What a thread needs to attach: shared buffers and numbers only, so it survives structured clone. */
export interface SharedBlobIndex {
  readonly control: SharedArrayBuffer;
  readonly blobs: SharedTableMemory;
  readonly packs: SharedTableMemory;
}

/** Where one copy of a blob is stored. */
export interface BlobLocation {
  /** Number of the pack in this index; see `packId`. */
  readonly pack: number;
  /** Where the sealed blob starts in the pack. */
  readonly offset: number;
  /** Sealed length in the pack. */
  readonly lengthBytes: number;
  /** Length of the plain blob; 0 if it is stored uncompressed (its length is then `lengthBytes` less the seal). */
  readonly uncompressedBytes: number;
}

// A blob's meta word: the sign is the type, the rest is the pack's number plus one, or 0 while the blob is only
// claimed.
const TREE = -1;
const DATA = 0;
const SIGN = 0x8000_0000 | 0;
const PACK_MASK = 0x7fff_ffff;
const OFFSET_WORD = META_WORD + 1;
const LENGTH_WORD = META_WORD + 2;
const UNCOMPRESSED_WORD = META_WORD + 3;
const BLOB_RECORD_WORDS = META_WORD + 4;
const PACK_RECORD_WORDS = META_WORD + 1;
/** A pack's meta word, when it holds trees; else 0. */
const HOLDS_TREES = 1;

// Places in the control buffer.
const MUTEX = 0;
const BLOBS = 16;
const PACKS = BLOBS + CONTROL_WORDS;
const ALL_WORDS = PACKS + CONTROL_WORDS;

// 200 million blobs and 25 million packs, some hundred terabytes. This bounds the address space that is reserved.
const MAX_BLOB_BITS = 28;
const MAX_PACK_BITS = 25;

const BATCH_SECTION = 1_000;

/** Far beyond what runs at the same time can leave. Copies of a blob are searched one by one, so they have to be bounded. */
const MAX_COPIES = 1_000;

/**
 * The blobs of one repository, stored or claimed. Data and tree blobs with the same id are different blobs.
 *
 * Every method may be called by any thread at any time; reads take no lock. Do not terminate a worker that may be
 * inside a call: it could hold the lock, and everybody would wait for ever. Ask it to stop instead.
 */
export class BlobIndex {
  /** Hand this to another thread, for `attach`. */
  readonly shared: SharedBlobIndex;
  readonly #mutex: Mutex;
  readonly #blobs: SharedTable;
  readonly #packs: SharedTable;
  readonly #words = new Int32Array(BLOB_RECORD_WORDS - META_WORD);
  readonly #packWords = new Int32Array(PACK_RECORD_WORDS - META_WORD);
  readonly #id = new Uint8Array(ID_BYTES);

  private constructor(shared: SharedBlobIndex) {
    const control = new Int32Array(shared.control);
    this.shared = shared;
    this.#mutex = new Mutex(control, MUTEX);
    this.#blobs = new SharedTable(shared.blobs, control.subarray(BLOBS, BLOBS + CONTROL_WORDS), this.#mutex);
    this.#packs = new SharedTable(shared.packs, control.subarray(PACKS, PACKS + CONTROL_WORDS), this.#mutex);
  }

  /** An empty index. It grows as needed; `expectedBlobs` spares the rebuilding on the way. */
  static create({ expectedBlobs = 0 }: { expectedBlobs?: number } = {}): BlobIndex {
    const control = new SharedArrayBuffer(ALL_WORDS * 4);
    const words = new Int32Array(control);
    return new BlobIndex({
      control,
      blobs: createTableMemory(words, BLOBS, {
        recordWords: BLOB_RECORD_WORDS,
        expectedRecords: expectedBlobs,
        maxBits: MAX_BLOB_BITS,
      }),
      packs: createTableMemory(words, PACKS, {
        recordWords: PACK_RECORD_WORDS,
        expectedRecords: 0,
        maxBits: MAX_PACK_BITS,
      }),
    });
  }

  /** The same index in another thread. */
  static attach(shared: SharedBlobIndex): BlobIndex {
    return new BlobIndex(shared);
  }

  /** Number of entries, stored or claimed, duplicates included. Never falls; entries keep their numbers. */
  get count(): number {
    return this.#blobs.count;
  }

  /** Number of packs. Every number below it is one. */
  get packCount(): number {
    return this.#packs.count;
  }

  /** Bytes of shared memory allocated, an upper bound of what is resident. */
  get allocatedBytes(): number {
    return this.#blobs.allocatedBytes + this.#packs.allocatedBytes;
  }

  /** The number of a pack; a pack that is not known yet gets the next one. @throws ENGINE_INDEX_FULL */
  addPack(id: Id): number {
    const bytes = idToBytes(id);
    return this.#mutex.run(() => this.#addPack(bytes, 0));
  }

  /** The id of a pack by its number. */
  packId(pack: number): Id {
    if (!(pack >= 0 && pack < this.packCount)) throw new RangeError(`there is no pack ${pack}`);
    this.#packs.copyId(pack, this.#id, 0);
    return idFromBytes(this.#id);
  }

  /** The number of a pack by its id. */
  packNumber(id: Id): number | undefined {
    const pack = this.#packs.find(idToBytes(id), 0, DATA);
    return pack < 0 ? undefined : pack;
  }

  /** Notes that a pack holds trees. `add` does so too, once it gets the first of them. */
  markTreePack(pack: number): void {
    if (!(pack >= 0 && pack < this.packCount)) throw new RangeError(`there is no pack ${pack}`);
    this.#mutex.run(() => this.#packs.publishWord(pack, META_WORD, HOLDS_TREES));
  }

  /** Whether a pack holds trees, as far as this index knows. Costs one search. */
  isTreePack(id: Id): boolean {
    const pack = this.packNumber(id);
    return pack !== undefined && this.#packs.publishedWord(pack, META_WORD) === HOLDS_TREES;
  }

  /**
   * Records a stored blob. Completes a claimed entry of the same blob; keeps further locations (duplicates in other
   * packs) too; an exact duplicate is ignored.
   *
   * @throws ENGINE_MALFORMED when a number does not fit 32 bits, or when the blob has a thousand copies; ENGINE_INDEX_FULL
   */
  add(
    type: BlobType,
    id: Uint8Array,
    idOffset: number,
    pack: number,
    offset: number,
    lengthBytes: number,
    uncompressedBytes: number,
  ): void {
    if (!(pack >= 0 && pack < this.packCount)) throw new RangeError(`there is no pack ${pack}`);
    if (offset >>> 0 !== offset || lengthBytes >>> 0 !== lengthBytes || uncompressedBytes >>> 0 !== uncompressedBytes) {
      throw engineError("ENGINE_MALFORMED", { what: "a blob's location", reason: "a number does not fit 32 bits" });
    }
    this.#mutex.run(() => this.#add(kindOf(type), id, idOffset, pack, offset, lengthBytes, uncompressedBytes));
  }

  /** Records a whole batch, as `add` would one by one. @throws ENGINE_MALFORMED, ENGINE_INDEX_FULL */
  addBatch(batch: BlobBatch): void {
    const packs = new Int32Array(batch.packCount);
    this.#mutex.run(() => {
      for (let n = 0; n < packs.length; n++) packs[n] = this.#addPack(batch.packIds, n * ID_BYTES);
    });
    // In sections, so that nobody waits long for the lock.
    for (let from = 0; from < batch.count; from += BATCH_SECTION) {
      const to = Math.min(batch.count, from + BATCH_SECTION);
      this.#mutex.run(() => this.#addSection(batch, packs, from, to));
    }
  }

  /**
   * True for the first caller of an unknown blob: it must store it. False when it is stored or claimed already. Exactly
   * one caller among all threads gets true. @throws ENGINE_INDEX_FULL
   */
  claim(type: BlobType, id: Uint8Array, idOffset: number): boolean {
    const kind = kindOf(type);
    if (this.#blobs.find(id, idOffset, kind) >= 0) return false;
    return this.#mutex.run(() => {
      if (this.#blobs.find(id, idOffset, kind) >= 0) return false;
      this.#words.fill(0);
      this.#words[0] = kind & SIGN;
      this.#blobs.append(id, idOffset, this.#words);
      return true;
    });
  }

  /**
   * Takes the blobs of packs out of the index: for every thread they are unknown from then on, unless another pack has
   * them too. Their entries keep their numbers, with an id that is nobody's and without a place.
   * @returns how many entries
   */
  forgetPacks(packs: ReadonlySet<number>): number {
    let forgotten = 0;
    const { count } = this;
    for (let entry = 0; entry < count; entry++) {
      const pack = (this.#blobs.publishedWord(entry, META_WORD) & PACK_MASK) - 1;
      if (pack < 0 || !packs.has(pack)) continue;
      this.#mutex.run(() => this.#blobs.forget(entry));
      forgotten++;
    }
    return forgotten;
  }

  /** Takes one copy of a blob out of the index, as `forgetPacks` does with those of a whole pack. */
  forgetEntry(n: number): void {
    this.#checkEntry(n);
    this.#mutex.run(() => this.#blobs.forget(n));
  }

  /** True when the blob is stored or claimed. */
  has(type: BlobType, id: Uint8Array, idOffset: number): boolean {
    return this.#blobs.find(id, idOffset, kindOf(type)) >= 0;
  }

  /** The first location of a blob; undefined when it is unknown or only claimed. */
  find(type: BlobType, id: Uint8Array, idOffset: number): BlobLocation | undefined {
    const entry = this.#blobs.find(id, idOffset, kindOf(type));
    return entry < 0 ? undefined : this.#location(entry);
  }

  /** All locations of a blob, in the order in which they were added. */
  findAll(type: BlobType, id: Uint8Array, idOffset: number): BlobLocation[] {
    return this.#blobs
      .findAll(id, idOffset, kindOf(type))
      .map((entry) => this.#location(entry))
      .filter((location) => location !== undefined);
  }

  /** Number of the blob's entry (0 ≤ n < count), for bitmaps; of duplicates the first; -1 if the blob is unknown. */
  entryOf(type: BlobType, id: Uint8Array, idOffset: number): number {
    return this.#blobs.find(id, idOffset, kindOf(type));
  }

  /** The id of entry `n`. */
  idAt(n: number): Id {
    this.copyIdAt(n, this.#id, 0);
    return idFromBytes(this.#id);
  }

  /** Copies the 32 raw bytes of the id of entry `n` to `offset` of `out`. */
  copyIdAt(n: number, out: Uint8Array, offset: number): void {
    this.#checkEntry(n);
    this.#blobs.copyId(n, out, offset);
  }

  /** The type of entry `n`. */
  typeAt(n: number): BlobType {
    this.#checkEntry(n);
    return this.#blobs.word(n, META_WORD) < 0 ? "tree" : "data";
  }

  /** The location of entry `n`; undefined while it is only claimed. */
  locationAt(n: number): BlobLocation | undefined {
    this.#checkEntry(n);
    return this.#location(n);
  }

  #checkEntry(n: number): void {
    if (!(n >= 0 && n < this.count)) throw new RangeError(`there is no entry ${n}`);
  }

  #location(entry: number): BlobLocation | undefined {
    const blobs = this.#blobs;
    const pack = (blobs.publishedWord(entry, META_WORD) & PACK_MASK) - 1;
    if (pack < 0) return undefined;
    return {
      pack,
      offset: blobs.word(entry, OFFSET_WORD) >>> 0,
      lengthBytes: blobs.word(entry, LENGTH_WORD) >>> 0,
      uncompressedBytes: blobs.word(entry, UNCOMPRESSED_WORD) >>> 0,
    };
  }

  #addPack(id: Uint8Array, idOffset: number): number {
    const known = this.#packs.find(id, idOffset, DATA);
    return known >= 0 ? known : this.#packs.append(id, idOffset, this.#packWords);
  }

  #addSection(batch: BlobBatch, packs: Int32Array, from: number, to: number): void {
    for (let n = from; n < to; n++) {
      const pack = packs[batch.packOf(n)] as number;
      const kind = batch.isTree(n) ? TREE : DATA;
      this.#add(kind, batch.ids, n * ID_BYTES, pack, batch.offsetOf(n), batch.lengthOf(n), batch.uncompressedOf(n));
    }
  }

  /** With the mutex held. */
  #add(
    kind: number,
    id: Uint8Array,
    idOffset: number,
    pack: number,
    offset: number,
    lengthBytes: number,
    uncompressedBytes: number,
  ): void {
    if (kind === TREE) this.#packs.publishWord(pack, META_WORD, HOLDS_TREES);
    const words = this.#words;
    words[0] = (kind & SIGN) | (pack + 1);
    words[1] = offset;
    words[2] = lengthBytes;
    words[3] = uncompressedBytes;
    const first = this.#blobs.find(id, idOffset, kind);
    if (first >= 0) {
      if ((this.#blobs.word(first, META_WORD) & PACK_MASK) === 0) return this.#complete(first);
      if (this.#isStoredAs(first)) return;
      const copies = this.#blobs.findAll(id, idOffset, kind);
      if (copies.some((entry) => this.#isStoredAs(entry))) return;
      if (copies.length >= MAX_COPIES) throw tooManyCopies(id, idOffset);
    }
    this.#blobs.append(id, idOffset, words);
  }

  /** Gives a claimed entry its location. The meta word goes last: with it, the others become visible. */
  #complete(entry: number): void {
    for (let word = 1; word < this.#words.length; word++) {
      this.#blobs.setWord(entry, META_WORD + word, this.#words[word] as number);
    }
    this.#blobs.publishWord(entry, META_WORD, this.#words[0] as number);
  }

  #isStoredAs(entry: number): boolean {
    return this.#words.every((value, word) => this.#blobs.word(entry, META_WORD + word) === value);
  }
}

function tooManyCopies(id: Uint8Array, idOffset: number): Error {
  const what = `blob ${idFromBytes(id, idOffset)}`;
  return engineError("ENGINE_MALFORMED", { what, reason: `indexes list more than ${MAX_COPIES} copies of it` });
}

function kindOf(type: BlobType): number {
  return type === "tree" ? TREE : DATA;
}
