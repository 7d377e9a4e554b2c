/** Reads single blobs: trees for walking, data for `cat` and `dump`. Bulk work (restore, check) reads by pack instead. */
import { isHoldfastError } from "@holdfast/base";
import { loadBytes } from "@holdfast/storage";
import { engineError } from "../errors.ts";
import { idOf, idToBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex, BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";
import { openSealed, type Repository } from "./repository.ts";

/** Neighbouring trees are read with the one that is asked for: a pack's trees are mostly wanted together. */
const READ_AROUND_BYTES = 1024 * 1024;
/** The trees of a snapshot lie in the packs of several runs, and going through it leads from one to the other and back. */
const HELD_PACKS = 4;

/** Reads the sealed bytes at a place. @throws what the backend throws */
interface SealedReader {
  load(place: BlobLocation, signal: AbortSignal): Promise<Uint8Array>;
}

export class BlobReader {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #decompressor = new Decompressor();
  readonly #maxBytes: number;
  readonly #blocks: SealedReader | undefined;
  /** Of each of the last few packs, what was read of it last. */
  readonly #held = new Map<number, { readonly offset: number; readonly bytes: Uint8Array }>();

  /**
   * @param options `maxBytes`: refuse blobs that claim to be larger; protects against hostile repositories. `blocks`: reads what is
   *   sealed, where many blobs are wanted that lie side by side
   */
  constructor(
    repository: Repository,
    index: BlobIndex,
    { maxBytes = 1024 * 1024 * 1024, blocks }: { maxBytes?: number; blocks?: SealedReader } = {},
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#maxBytes = maxBytes;
    this.#blocks = blocks;
  }

  /**
   * The plain bytes of a blob, checked against its id. When one stored copy is damaged, the others are tried.
   * @throws ENGINE_BLOB_MISSING, ENGINE_UNAUTHENTIC, ENGINE_WRONG_HASH, ENGINE_DECOMPRESS, and what the backend throws
   */
  async load(type: BlobType, id: Id, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    const places = this.#index.findAll(type, idToBytes(id), 0);
    let failure: unknown = engineError("ENGINE_BLOB_MISSING", { type, id });
    for (const place of places) {
      try {
        return await this.#loadFrom(place, type, id, signal);
      } catch (error) {
        // Only damage is a reason to try another copy: what is out of reach may be whole.
        if (!isHoldfastError(error) || (error.kind !== "corrupt" && error.kind !== "not-found")) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  async #loadFrom(place: BlobLocation, type: BlobType, id: Id, signal: AbortSignal): Promise<Uint8Array> {
    const what = `${type} blob ${id} in pack ${this.#index.packId(place.pack)}`;
    if (Math.max(place.lengthBytes, place.uncompressedBytes) > this.#maxBytes) {
      throw engineError("ENGINE_MALFORMED", { what, reason: `it claims ${place.uncompressedBytes} bytes` });
    }
    const sealed =
      this.#blocks !== undefined
        ? await this.#blocks.load(place, signal)
        : type === "tree"
          ? await this.#readAround(place, signal)
          : await this.#read(place, signal);
    const stored = openSealed(this.#repository.sealer, sealed, what);
    const plain =
      place.uncompressedBytes > 0 ? this.#decompressor.decompressApart(stored, place.uncompressedBytes) : stored;
    if (idOf(plain) !== id) throw engineError("ENGINE_WRONG_HASH", { what });
    return plain;
  }

  #read(place: BlobLocation, signal: AbortSignal): Promise<Uint8Array> {
    const name = this.#index.packId(place.pack);
    const range = { offset: place.offset, length: place.lengthBytes };
    return loadBytes(this.#repository.backend, { type: "pack", name }, range, { signal });
  }

  /**
   * Trees come after those that they name. So what lies before the first that is wanted of a pack is mostly below it, and no size of
   * the pack has to be asked for. Another that is wanted of it then is read with what follows, up to the pack's end.
   */
  async #readAround(place: BlobLocation, signal: AbortSignal): Promise<Uint8Array> {
    const found = this.#cut(place);
    if (found !== undefined) return found;
    const { pack, offset, lengthBytes } = place;
    const isFirst = !this.#held.has(pack);
    const end = offset + lengthBytes;
    if (isFirst && offset > 0) return this.#keep(place, Math.max(0, end - READ_AROUND_BYTES), end, signal);
    const info = await this.#repository.backend.stat({ type: "pack", name: this.#index.packId(pack) }, { signal });
    const sizeBytes = info?.sizeBytes ?? 0;
    if (sizeBytes < end) return this.#read(place, signal);
    return this.#keep(place, offset, Math.max(end, Math.min(sizeBytes, offset + READ_AROUND_BYTES)), signal);
  }

  /** Reads a part of a pack, from `start` up to `end`, and keeps it. @returns what lies at the place, which is in it */
  async #keep(place: BlobLocation, start: number, end: number, signal: AbortSignal): Promise<Uint8Array> {
    const { pack, offset, lengthBytes } = place;
    const key = { type: "pack", name: this.#index.packId(pack) } as const;
    const range = { offset: start, length: end - start };
    const bytes = await loadBytes(this.#repository.backend, key, range, { signal });
    this.#held.delete(pack);
    this.#held.set(pack, { offset: start, bytes });
    const [oldest] = this.#held.keys();
    if (this.#held.size > HELD_PACKS && oldest !== undefined) this.#held.delete(oldest);
    return bytes.subarray(offset - start, offset - start + lengthBytes);
  }

  #cut({ pack, offset, lengthBytes }: BlobLocation): Uint8Array | undefined {
    const held = this.#held.get(pack);
    if (held === undefined || offset < held.offset) return undefined;
    const start = offset - held.offset;
    return start + lengthBytes <= held.bytes.length ? held.bytes.subarray(start, start + lengthBytes) : undefined;
  }
}
