/**
 * What is known of trees that were searched. Of those in which nothing can be found a bit is kept, of the others what was found,
 * as long as there is room for it.
 */
import type { HoldfastError } from "@holdfast/base";
import type { SearchedTree } from "./tree-search.ts";
import { keyOf, type WantedTree } from "./wanted-tree.ts";

/** About what objects and strings take beside their characters. */
const TREE_BYTES = 300;
const ENTRY_BYTES = 250;
/** JSON that was parsed and printed is kept in these forms too; its text takes a byte for a character. */
const COPIES_OF_JSON = 3;

export class TreeMemo {
  readonly #maxBytes: number;
  /** The most recently used last. */
  readonly #trees = new Map<number, { readonly tree: SearchedTree; readonly bytes: number }>();
  readonly #barren: Uint8Array;
  readonly #damaged = new Map<number, HoldfastError>();
  #bytes = 0;

  /** @param entries of the blob index */
  constructor({ entries, maxBytes }: { entries: number; maxBytes: number }) {
    this.#maxBytes = maxBytes;
    this.#barren = new Uint8Array(Math.ceil((entries * 2) / 8));
  }

  /** True while trees may be searched that nobody waits for yet: there is room to keep them. */
  get hasRoom(): boolean {
    return this.#bytes < this.#maxBytes / 2;
  }

  /** Whether the tree need not be searched, now. */
  knows(wanted: WantedTree): boolean {
    const key = keyOf(wanted);
    return this.#trees.has(key) || this.#damaged.has(key) || this.isBarren(wanted);
  }

  get(wanted: WantedTree): SearchedTree | undefined {
    const key = keyOf(wanted);
    const known = this.#trees.get(key);
    if (known === undefined) return undefined;
    this.#trees.delete(key);
    this.#trees.set(key, known);
    return known.tree;
  }

  set(wanted: WantedTree, tree: SearchedTree): void {
    const key = keyOf(wanted);
    this.#drop(key);
    const bytes = weightOf(tree);
    this.#trees.set(key, { tree, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#trees.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === key) return;
      this.#drop(oldest);
    }
  }

  /** What keeps a tree from being searched. */
  damageOf(wanted: WantedTree): HoldfastError | undefined {
    return this.#damaged.get(keyOf(wanted));
  }

  setDamage(wanted: WantedTree, error: HoldfastError): void {
    this.#damaged.set(keyOf(wanted), error);
  }

  /** True when nothing can be found in the tree, nor below it, wherever it lies. */
  isBarren(wanted: WantedTree): boolean {
    const key = keyOf(wanted);
    return ((this.#barren[key >>> 3] as number) & (1 << (key & 7))) !== 0;
  }

  setBarren(wanted: WantedTree): void {
    const key = keyOf(wanted);
    this.#barren[key >>> 3] = (this.#barren[key >>> 3] as number) | (1 << (key & 7));
    this.#drop(key);
  }

  #drop(key: number): void {
    const known = this.#trees.get(key);
    if (known === undefined) return;
    this.#trees.delete(key);
    this.#bytes -= known.bytes;
  }
}

function weightOf({ kept }: SearchedTree): number {
  return kept.reduce(
    (sum, { name, json }) => sum + ENTRY_BYTES + 2 * name.length + COPIES_OF_JSON * json.length,
    TREE_BYTES,
  );
}
