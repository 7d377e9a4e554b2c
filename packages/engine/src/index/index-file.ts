/**
 * Index files: JSON that lists packs with their blobs (restic: doc/design.rst, "Indexing"). Written as Go's encoder
 * writes them; read by `index-parser.ts`, without an object for each blob.
 */
import type { BlobType, Id } from "../format/id.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import { IndexParser } from "./index-parser.ts";
import type { BlobIndex } from "./blob-index.ts";

/** One blob of a pack, as an index file lists it. */
export interface PackBlob {
  readonly id: Id;
  readonly type: BlobType;
  /** Where the sealed blob starts in the pack. */
  readonly offset: number;
  /** Sealed length. */
  readonly lengthBytes: number;
  /** Length before compression; 0 when the blob is not compressed. */
  readonly uncompressedBytes: number;
}

/** A pack and its blobs. */
export interface IndexedPack {
  readonly id: Id;
  readonly blobs: readonly PackBlob[];
}

// Restic starts a new index file at the same points, which keeps files near 8 MiB and a lost run's packs known.
const FULL_AT_BLOBS = 50_000;
const FULL_AFTER_MS = 10 * 60 * 1000;

const HEAD = Buffer.from('{"packs":[');
const COMMA = Buffer.from(",");
const TAIL = Buffer.from("]}\n");

/**
 * Adds everything that an index file lists to the index. Nothing is added unless the whole file is well-formed.
 *
 * @param what names the file in an error, such as `index 1234abcd`
 * @returns how many packs the file lists, and the ids of older index files that it replaces
 * @throws ENGINE_MALFORMED, ENGINE_INDEX_FULL
 */
export function readIndexFile(
  json: Uint8Array,
  index: BlobIndex,
  { what = "an index file" }: { what?: string } = {},
): { packs: number; supersedes: Id[] } {
  const { batch, supersedes } = new IndexParser(json, what).parse();
  index.addBatch(batch);
  return { packs: batch.packCount, supersedes };
}

/** The bytes of an index file that lists these packs, in this order. */
export function encodeIndexFile(packs: readonly IndexedPack[]): Uint8Array {
  return joinPacks(packs.map(encodePack));
}

/**
 * Collects packs as they are stored and says when an index file is due: at 50,000 blobs, or ten minutes after its first
 * pack.
 */
export class IndexFileBuilder {
  readonly #now: () => number;
  #packs: Uint8Array[] = [];
  #blobs = 0;
  #startedAt = 0;

  /** @param now a clock in milliseconds that never goes back */
  constructor({ now = () => performance.now() }: { now?: () => number } = {}) {
    this.#now = now;
  }

  /** Takes a pack. Returns an index file to be stored when one is full, and starts the next. */
  add(pack: IndexedPack): Uint8Array | undefined {
    return this.addEncoded(encodePack(pack), pack.blobs.length);
  }

  /** As `add`, for a pack that is written as an index file lists it. The bytes belong to the builder. */
  addEncoded(json: Uint8Array, blobs: number): Uint8Array | undefined {
    if (this.#packs.length === 0) this.#startedAt = this.#now();
    this.#packs.push(json);
    this.#blobs += blobs;
    const isFull = this.#blobs >= FULL_AT_BLOBS || this.#now() - this.#startedAt >= FULL_AFTER_MS;
    return isFull ? this.takeRest() : undefined;
  }

  /** An index file of the packs that none lists yet; undefined when there are none. */
  takeRest(): Uint8Array | undefined {
    if (this.#packs.length === 0) return undefined;
    const file = joinPacks(this.#packs);
    this.#packs.forEach(releaseBytes);
    this.#packs = [];
    this.#blobs = 0;
    return file;
  }
}

function joinPacks(packs: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [HEAD];
  for (const [n, pack] of packs.entries()) {
    if (n > 0) parts.push(COMMA);
    parts.push(pack);
  }
  parts.push(TAIL);
  return Buffer.concat(parts);
}

function encodePack({ id, blobs }: IndexedPack): Uint8Array {
  let text = `{"id":"${id}","blobs":[`;
  for (const [n, blob] of blobs.entries()) {
    if (n > 0) text += ",";
    text += `{"id":"${blob.id}","type":"${blob.type}","offset":${blob.offset},"length":${blob.lengthBytes}`;
    if (blob.uncompressedBytes > 0) text += `,"uncompressed_length":${blob.uncompressedBytes}`;
    text += "}";
  }
  return Buffer.from(`${text}]}`, "latin1");
}
