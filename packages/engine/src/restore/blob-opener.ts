/** Opens sealed blobs in a worker, checked against their ids. A damaged copy is replaced by another one where there is one. */
import { isHoldfastError } from "@holdfast/base";
import { Sealer, SEAL_OVERHEAD, type MasterKey } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { idOf, type BlobType, type Id } from "../format/id.ts";
import type { BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";

/** Blobs that claim to be larger are refused: the largest that any client writes are trees of huge folders. */
export const MAX_BLOB_BYTES = 1024 * 1024 * 1024;

/** A blob whose every copy is damaged, missing or out of reach. */
export class LostBlob extends Error {
  readonly id: Id;

  constructor(id: Id, reason: string) {
    super(reason);
    this.name = "LostBlob";
    this.id = id;
  }
}

/** Bytes of the plain blob, as the index says. */
export function plainBytesOf(place: BlobLocation): number {
  return place.uncompressedBytes > 0 ? place.uncompressedBytes : Math.max(0, place.lengthBytes - SEAL_OVERHEAD);
}

export class BlobOpener {
  readonly #sealer: Sealer;
  readonly #decompressor = new Decompressor();
  readonly #request: (type: BlobType, id: Id) => Uint8Array;

  /** @param request asks the main thread to read a blob from any of its copies. @throws LostBlob */
  constructor(key: MasterKey, request: (type: BlobType, id: Id) => Uint8Array) {
    this.#sealer = new Sealer(key);
    this.#request = request;
  }

  /**
   * The plain bytes, valid until the next call. `sealed` is `undefined` when that copy could not be read.
   * @throws LostBlob when no copy is good
   */
  open(type: BlobType, id: Id, sealed: Uint8Array | undefined, uncompressedBytes: number): Uint8Array {
    if (sealed !== undefined && uncompressedBytes <= MAX_BLOB_BYTES) {
      try {
        return this.#openCopy(type, id, sealed, uncompressedBytes);
      } catch (error) {
        if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
      }
    }
    return this.#request(type, id);
  }

  #openCopy(type: BlobType, id: Id, sealed: Uint8Array, uncompressedBytes: number): Uint8Array {
    const stored = this.#sealer.openTransient(sealed);
    const plain = uncompressedBytes > 0 ? this.#decompressor.decompress(stored, uncompressedBytes) : stored;
    if (idOf(plain) !== id) throw engineError("ENGINE_WRONG_HASH", { what: `${type} blob ${id}` });
    return plain;
  }
}
