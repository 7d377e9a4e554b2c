/** Whole packs in shared memory, kept by one worker: the trees of a parent snapshot lie close together in few packs. */

export class PackBytesCache {
  readonly #packs = new Map<number, SharedArrayBuffer>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(pack: number): Uint8Array | undefined {
    const bytes = this.#packs.get(pack);
    if (bytes === undefined) return undefined;
    // Most recently used last: the order of insertion of a Map is the order of eviction.
    this.#packs.delete(pack);
    this.#packs.set(pack, bytes);
    return new Uint8Array(bytes);
  }

  set(pack: number, bytes: SharedArrayBuffer): void {
    this.#packs.set(pack, bytes);
    this.#bytes += bytes.byteLength;
    for (const [oldest, old] of this.#packs) {
      if (this.#bytes <= this.#maxBytes || oldest === pack) return;
      this.#packs.delete(oldest);
      this.#bytes -= old.byteLength;
    }
  }
}
