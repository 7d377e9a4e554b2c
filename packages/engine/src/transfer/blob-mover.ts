/** The way of a blob from one pack into another, in one worker: open, decompress, compare its hash, compress if asked, seal. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { hashInto, ID_BYTES, type BlobType } from "../format/id.ts";
import { BlobIndex, type BlobLocation } from "../index/blob-index.ts";
import { PackPool, PackSealer, type FinishedPack } from "../packs/pack-pool.ts";
import { Compressor, Decompressor, isLikelyIncompressible } from "../platform/zstd.ts";
import { MAX_BLOB_BYTES, type LostEntry, type Moved, type MoveTask, type TransferWorkerData } from "./messages.ts";

interface OpenedBlob {
  /** As it was sealed; valid until the next blob is opened. */
  readonly stored: Uint8Array;
  readonly plain: Uint8Array;
  readonly isCompressed: boolean;
}

export class BlobMover {
  readonly #data: TransferWorkerData;
  readonly #index: BlobIndex;
  readonly #opener: Sealer;
  readonly #decompressor = new Decompressor();
  readonly #compressors = new Map<string, Compressor>();
  readonly #sealer: PackSealer;
  readonly #id = new Uint8Array(ID_BYTES);
  readonly #hash = new Uint8Array(ID_BYTES);

  /** @param onPack gets each pack that a blob has completed */
  constructor(data: TransferWorkerData, onPack: (pack: FinishedPack) => void) {
    this.#data = data;
    this.#index = BlobIndex.attach(data.fromIndex);
    this.#opener = new Sealer(data.fromKey);
    this.#sealer = new PackSealer(PackPool.attach(data.pool), data.toKey, onPack);
  }

  /** Blobs that are damaged are in the result. @throws ENGINE_ABORTED when the pool of packs was ended */
  move({ bytes, offset, entries }: MoveTask): Moved {
    const lost: LostEntry[] = [];
    let [blobs, movedBytes, storedBytes] = [0, 0, 0];
    for (const entry of entries) {
      const place = this.#index.locationAt(entry) as BlobLocation;
      const type = this.#index.typeAt(entry);
      const opened = this.#open(entry, place, bytes.subarray(place.offset - offset).subarray(0, place.lengthBytes));
      if (typeof opened === "string") {
        lost.push({ entry, reason: opened });
        continue;
      }
      const { payload, plainBytes } = this.#payload(type, opened);
      storedBytes += this.#sealer.store(type, this.#id, 0, payload, plainBytes);
      movedBytes += place.lengthBytes;
      blobs++;
    }
    return { kind: "moved", blobs, bytes: movedBytes, storedBytes, lost };
  }

  /** The blob, whose id is then in `#id`; or why it cannot be used. */
  #open(entry: number, place: BlobLocation, sealed: Uint8Array): OpenedBlob | string {
    const { lengthBytes, uncompressedBytes } = place;
    const isCompressed = uncompressedBytes > 0;
    const claimed = Math.max(lengthBytes, uncompressedBytes);
    if (claimed > MAX_BLOB_BYTES) return `it claims ${claimed} bytes, more than a blob may have`;
    try {
      const stored = this.#opener.openTransient(sealed, "it");
      const plain = isCompressed ? this.#decompressor.decompress(stored, uncompressedBytes, "it") : stored;
      hashInto(plain, this.#hash, 0);
      this.#index.copyIdAt(entry, this.#id, 0);
      if (Buffer.compare(this.#id, this.#hash) !== 0) throw engineError("ENGINE_WRONG_HASH", { what: "it" });
      return { stored, plain, isCompressed };
    } catch (error) {
      if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
      return messageOf(error);
    }
  }

  /** What is sealed, and its plain size when that is compressed. */
  #payload(type: BlobType, blob: OpenedBlob): { payload: Uint8Array; plainBytes: number } {
    const { stored, plain, isCompressed } = blob;
    const { toVersion, recompress } = this.#data;
    const asItIs = { payload: stored, plainBytes: isCompressed ? plain.length : 0 };
    const raw = { payload: plain, plainBytes: 0 };
    if (toVersion < 2 || plain.length === 0) return raw;
    if (recompress === "never" || (recompress === "uncompressed" && isCompressed)) return asItIs;
    if (type === "data" && this.#data.compression === "off") return recompress === "always" ? raw : asItIs;
    // Kept compressed even where that is no smaller, so that nobody wants to compress it again.
    return { payload: this.#compressorFor(type, plain).compress(plain), plainBytes: plain.length };
  }

  #compressorFor(type: BlobType, plain: Uint8Array): Compressor {
    const { compression } = this.#data;
    const wanted = compression === "off" ? "auto" : compression;
    const isVain = type === "data" && (wanted === "better" || wanted === "max") && isLikelyIncompressible(plain);
    const mode = isVain ? "fastest" : wanted;
    const compressor = this.#compressors.get(mode) ?? new Compressor(mode);
    this.#compressors.set(mode, compressor);
    return compressor;
  }
}
