/** The parent snapshot's trees, as a worker of a backup sees them. */
import type { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { compareNames } from "../filesystem/path-bytes.ts";
import { idToBytes, type Id } from "../format/id.ts";
import { parseNode, type TreeNode } from "../format/node.ts";
import { treeSlices } from "../format/tree.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { PackBytesCache } from "../packs/pack-bytes-cache.ts";
import { releaseBytes } from "../platform/release-bytes.ts";
import type { Decompressor } from "../platform/zstd.ts";

/** One entry of a parent's tree: its JSON as it is stored. */
export interface ParentEntry {
  readonly json: string;
  decode(): TreeNode;
}

/** A cursor over one tree of the parent. Names must be asked for in ascending order. */
export class ParentTree {
  readonly #bytes: Buffer;
  readonly #slices: Iterator<{ name: string; start: number; end: number }>;
  #current: { name: string; start: number; end: number } | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#slices = treeSlices(bytes)[Symbol.iterator]();
    this.#advance();
  }

  /** What it takes of memory. */
  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** Gives its memory back. It must not be used any more. */
  release(): void {
    releaseBytes(this.#bytes);
  }

  find(name: string): ParentEntry | undefined {
    while (this.#current !== undefined && compareNames(this.#current.name, name) < 0) this.#advance();
    if (this.#current?.name !== name) return undefined;
    const json = this.#bytes.toString("utf8", this.#current.start, this.#current.end);
    return { json, decode: () => parseNode(json) };
  }

  #advance(): void {
    const next = this.#slices.next();
    this.#current = next.done === true ? undefined : next.value;
  }
}

export class ParentTrees {
  readonly #index: BlobIndex;
  readonly #sealer: Sealer;
  readonly #decompressor: Decompressor;
  readonly #requestPack: (pack: number) => SharedArrayBuffer | undefined;
  readonly #packs: PackBytesCache;

  /**
   * @param cacheBytes how much of the parent's tree packs is kept here
   * @param requestPack fetches a whole pack; blocks; `undefined` when it cannot be read
   */
  constructor(parts: {
    index: BlobIndex;
    sealer: Sealer;
    decompressor: Decompressor;
    cacheBytes: number;
    requestPack: (pack: number) => SharedArrayBuffer | undefined;
  }) {
    this.#index = parts.index;
    this.#sealer = parts.sealer;
    this.#decompressor = parts.decompressor;
    this.#packs = new PackBytesCache(parts.cacheBytes);
    this.#requestPack = parts.requestPack;
  }

  /** @throws ENGINE_BLOB_MISSING, ENGINE_UNAUTHENTIC, ENGINE_DECOMPRESS, ENGINE_MALFORMED: the parent is damaged */
  load(id: Id): ParentTree {
    const place = this.#index.find("tree", idToBytes(id), 0);
    if (place === undefined) throw engineError("ENGINE_BLOB_MISSING", { type: "tree", id });
    let pack = this.#packs.get(place.pack);
    if (pack === undefined) {
      const shared = this.#requestPack(place.pack);
      if (shared === undefined) throw engineError("ENGINE_BLOB_MISSING", { type: "tree", id });
      this.#packs.set(place.pack, shared);
      pack = new Uint8Array(shared);
    }
    const plain = this.#sealer.open(pack.subarray(place.offset, place.offset + place.lengthBytes));
    return new ParentTree(
      place.uncompressedBytes > 0 ? this.#decompressor.decompressApart(plain, place.uncompressedBytes) : plain,
    );
  }
}
