/** Packs of trees in shared memory on the main thread: each is loaded once for all workers that ask for it at about the same time. */

export type LoadedPack = SharedArrayBuffer | undefined;

export class TreePackCache {
  readonly #load: (pack: number) => Promise<LoadedPack>;
  readonly #maxBytes: number;
  /** In the order of their first use; the size is 0 until a pack is loaded. */
  readonly #packs = new Map<number, { readonly bytes: Promise<LoadedPack>; sizeBytes: number }>();
  #bytes = 0;

  /** @param load reads a whole pack; gives `undefined` for one that cannot be read, which is remembered too */
  constructor({ load, maxBytes }: { load: (pack: number) => Promise<LoadedPack>; maxBytes: number }) {
    this.#load = load;
    this.#maxBytes = maxBytes;
  }

  /** The bytes of a pack. Rejects when `load` does. */
  get(pack: number): Promise<LoadedPack> {
    const known = this.#packs.get(pack);
    if (known !== undefined) return known.bytes;
    const entry = { bytes: this.#load(pack), sizeBytes: 0 };
    this.#packs.set(pack, entry);
    return entry.bytes.then((bytes) => {
      entry.sizeBytes = bytes?.byteLength ?? 0;
      this.#bytes += entry.sizeBytes;
      this.#dropOldest(pack);
      return bytes;
    });
  }

  /** Makes room. What is still being loaded counts nothing and is never waited for. */
  #dropOldest(newest: number): void {
    for (const [pack, { sizeBytes }] of this.#packs) {
      if (this.#bytes <= this.#maxBytes) return;
      if (pack === newest || sizeBytes === 0) continue;
      this.#packs.delete(pack);
      this.#bytes -= sizeBytes;
    }
  }
}
