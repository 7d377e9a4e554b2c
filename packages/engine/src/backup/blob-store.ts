/** The way of a blob in one worker: hash, known?, compress, seal, pack. */
import { hashInto, idFromBytes, type BlobType, type Id } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { PackSealer } from "../packs/pack-pool.ts";
import { Compressor, isLikelyIncompressible, type CompressionMode } from "../platform/zstd.ts";
import type { Counters } from "../workers/counters.ts";
import { isCompressedAlready } from "./compressed-formats.ts";
import type { BACKUP_COUNTERS } from "./messages.ts";
import type { PresentSample } from "./present-sample.ts";

/**
 * Sampling for data that does not compress pays only where compressing it in vain is slow: measured on random data, a sample
 * takes 85 µs a MiB, `auto` 120 µs, `better` 480 µs, `max` 185 ms.
 */
const SAMPLED_MODES: ReadonlySet<CompressionMode> = new Set(["better", "max"]);
/** Where speed counts for more than the last percent. */
const QUICK_MODES: ReadonlySet<CompressionMode> = new Set(["fastest", "auto"]);
/** Below this size a sample is no smaller than the blob. */
const SAMPLE_FROM_BYTES = 64 * 1024;

/** What blobs hold that the repository did not have yet, and what they take in it. */
export interface AddedBytes {
  readonly plain: number;
  readonly stored: number;
}

export const NOTHING_ADDED: AddedBytes = { plain: 0, stored: 0 };

export interface BlobStoreParts {
  readonly index: BlobIndex;
  readonly sealer: PackSealer;
  readonly counters: Counters<typeof BACKUP_COUNTERS>;
  readonly compression: CompressionMode;
  readonly repositoryVersion: 1 | 2;
  /** Hash and look up, but store nothing. */
  readonly dryRun: boolean;
  /** Hears of blobs that are not stored, as the repository has them. */
  readonly present?: PresentSample | undefined;
}

export class BlobStore {
  readonly #parts: BlobStoreParts;
  readonly #compressor: { data: Compressor; tree: Compressor };
  readonly #id = new Uint8Array(32);
  #plainAdded = 0;
  #storedAdded = 0;

  constructor(parts: BlobStoreParts) {
    this.#parts = parts;
    // Trees are compressed even when file content is not to be: they hold metadata only, and restic does the same.
    const treeMode = parts.compression === "off" ? "auto" : parts.compression;
    const tree = new Compressor(treeMode);
    this.#compressor = { data: parts.compression === "off" ? tree : new Compressor(parts.compression), tree };
  }

  /** What this worker has added so far. */
  get added(): AddedBytes {
    return { plain: this.#plainAdded, stored: this.#storedAdded };
  }

  /** What this worker has added since it had added that. */
  addedSince({ plain, stored }: AddedBytes): AddedBytes {
    return { plain: this.#plainAdded - plain, stored: this.#storedAdded - stored };
  }

  /** Stores a blob unless the repository has it. @throws ENGINE_ABORTED */
  put(type: BlobType, bytes: Uint8Array): Id {
    hashInto(bytes, this.#id, 0);
    const { index, counters, sealer } = this.#parts;
    if (index.claim(type, this.#id, 0)) {
      const { payload, plainBytes } = this.#payload(type, bytes);
      const stored = this.#parts.dryRun ? payload.length : sealer.store(type, this.#id, 0, payload, plainBytes);
      counters.add(type === "data" ? "dataBlobs" : "treeBlobs", 1);
      counters.add("dataAdded", bytes.length);
      counters.add("dataAddedPacked", stored);
      this.#plainAdded += bytes.length;
      this.#storedAdded += stored;
    } else this.#parts.present?.offer(type, this.#id, index);
    return idFromBytes(this.#id);
  }

  /** What is sealed: the blob compressed, or as it is where that is not smaller. */
  #payload(type: BlobType, bytes: Uint8Array): { payload: Uint8Array; plainBytes: number } {
    const raw = { payload: bytes, plainBytes: 0 };
    if (this.#parts.repositoryVersion < 2 || bytes.length === 0) return raw;
    if (type === "data") {
      const { compression } = this.#parts;
      if (compression === "off") return raw;
      const sampled = SAMPLED_MODES.has(compression) && bytes.length >= SAMPLE_FROM_BYTES;
      if (sampled && isLikelyIncompressible(bytes)) return raw;
      if (QUICK_MODES.has(compression) && isCompressedAlready(bytes)) return raw;
    }
    const payload = this.#compressor[type].compress(bytes);
    return payload.length < bytes.length ? { payload, plainBytes: bytes.length } : raw;
  }
}
