/** Marks what trees need, pack by pack: opens trees in the bytes of a pack and follows those that lie in the same one. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { type MasterKey, Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { idFromBytes, idOf, type BlobType } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";
import { type MarkResult, type MarkTask, type MissingBlob, PLACE_WORDS, type UnreadableTree } from "./messages.ts";
import type { SharedBitmap } from "./shared-bitmap.ts";
import { TreeReferences } from "./tree-references.ts";

/** A tree that claims more is refused, not decompressed. One of a million entries has some 400 MB. */
const MAX_TREE_BYTES = 1024 * 1024 * 1024;
/** What is missing is looked for again, by name, before anybody reads of it; here it is only a sign that something is. */
const REPORTED_MISSING = 100;

export class TreeMarker {
  readonly #index: BlobIndex;
  readonly #used: SharedBitmap;
  readonly #sealer: Sealer;
  readonly #decompressor = new Decompressor();
  readonly #references: TreeReferences;
  /** Trees of the pack at hand that are marked and not read yet. */
  readonly #stack: number[] = [];
  #pack = -1;
  #elsewhere: number[] = [];
  #unreadable: UnreadableTree[] = [];
  #missing: MissingBlob[] = [];

  /** @param used gets an entry for every blob that is needed: of several copies the first in the index */
  constructor(parts: { key: MasterKey; index: BlobIndex; used: SharedBitmap }) {
    this.#index = parts.index;
    this.#used = parts.used;
    this.#sealer = new Sealer(parts.key);
    this.#references = new TreeReferences({
      data: (id) => this.#needData(id),
      tree: (id) => this.#needTree(id),
    });
  }

  /** Reads the trees of a task, and all of the same pack that lead on from them. Never throws for damage. */
  mark({ pack, bytes, places }: MarkTask): MarkResult {
    this.#pack = pack;
    this.#elsewhere = [];
    this.#unreadable = [];
    this.#missing = [];
    let trees = 0;
    for (let at = 0; at < places.length; at += PLACE_WORDS) {
      const [entry, offset, lengthBytes, uncompressedBytes] = places.subarray(at, at + PLACE_WORDS);
      this.#read(bytes, entry as number, { pack, offset, lengthBytes, uncompressedBytes } as BlobLocation);
      trees++;
      for (let next = this.#stack.pop(); next !== undefined; next = this.#stack.pop()) {
        this.#read(bytes, next, this.#index.locationAt(next) as BlobLocation);
        trees++;
      }
    }
    const elsewhere = Uint32Array.from(this.#elsewhere);
    return { kind: "marked", trees, elsewhere, unreadable: this.#unreadable, missing: this.#missing };
  }

  #read(bytes: Uint8Array, entry: number, place: BlobLocation): void {
    try {
      this.#references.read(this.#open(bytes, entry, place), `tree ${this.#index.idAt(entry)}`);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      this.#unreadable.push({ entry, reason: messageOf(error) });
    }
  }

  /** @throws ENGINE_UNAUTHENTIC, ENGINE_DECOMPRESS, ENGINE_WRONG_HASH, ENGINE_MALFORMED */
  #open(bytes: Uint8Array, entry: number, { offset, lengthBytes, uncompressedBytes }: BlobLocation): Uint8Array {
    const id = this.#index.idAt(entry);
    const what = `tree ${id}`;
    const end = offset + lengthBytes;
    if (end > bytes.length) throw malformed(what, `the index puts it up to byte ${end} of a pack of ${bytes.length}`);
    if (Math.max(lengthBytes, uncompressedBytes) > MAX_TREE_BYTES) throw malformed(what, "it claims too many bytes");
    const stored = this.#sealer.openTransient(bytes.subarray(offset, end), what);
    const plain = uncompressedBytes > 0 ? this.#decompressor.decompress(stored, uncompressedBytes, what) : stored;
    if (idOf(plain) !== id) throw engineError("ENGINE_WRONG_HASH", { what });
    return plain;
  }

  #needData(id: Uint8Array): void {
    const entry = this.#index.entryOf("data", id, 0);
    if (entry < 0) this.#miss("data", id);
    else this.#used.add(entry);
  }

  #needTree(id: Uint8Array): void {
    const entry = this.#index.entryOf("tree", id, 0);
    if (entry < 0) return this.#miss("tree", id);
    if (!this.#used.add(entry)) return;
    if (this.#index.locationAt(entry)?.pack === this.#pack) this.#stack.push(entry);
    else this.#elsewhere.push(entry);
  }

  #miss(type: BlobType, id: Uint8Array): void {
    if (this.#missing.length < REPORTED_MISSING) this.#missing.push({ type, id: idFromBytes(id) });
  }
}

function malformed(what: string, reason: string): Error {
  return engineError("ENGINE_MALFORMED", { what, reason });
}
