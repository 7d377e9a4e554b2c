/** What a tree refers to, read without making its nodes, where nothing is the matter with it. */
import { USUAL_FILE, UsualTreeReader, type UsualTreeSink } from "../format/usual-tree.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { TreeEdges } from "./messages.ts";
import { plainBytes } from "./tree-facts.ts";

export class UsualEdges implements UsualTreeSink {
  readonly #index: BlobIndex;
  readonly #reader = new UsualTreeReader(this);
  #subtrees: number[] = [];
  #data: number[] = [];
  #isFile = false;
  /** Bytes that the file at hand has by its own account, less those of its blobs so far. */
  #bytesLeft = 0;
  #isFlawless = true;

  constructor(index: BlobIndex) {
    this.#index = index;
  }

  /** @returns undefined when there is a flaw, or the layout is unusual: then the tree must be decoded to say which */
  read(entry: number, plain: Uint8Array): TreeEdges | undefined {
    this.#subtrees = [];
    this.#data = [];
    this.#isFile = false;
    this.#isFlawless = true;
    const isUsual = this.#reader.read(plain);
    this.#endFile();
    if (!isUsual || !this.#isFlawless) return undefined;
    return {
      entry,
      subtrees: Uint32Array.from(this.#subtrees),
      data: Uint32Array.from(this.#data),
      incomplete: false,
      findings: [],
    };
  }

  entry(kind: number, sizeBytes: number): void {
    this.#endFile();
    this.#isFile = kind === USUAL_FILE;
    this.#bytesLeft = sizeBytes;
  }

  data(id: Uint8Array): void {
    const entry = this.#index.entryOf("data", id, 0);
    if (entry < 0) {
      this.#isFlawless = false;
      return;
    }
    this.#data.push(entry);
    this.#bytesLeft -= plainBytes(this.#index, entry);
  }

  subtree(id: Uint8Array): void {
    const entry = this.#index.entryOf("tree", id, 0);
    if (entry < 0) this.#isFlawless = false;
    else this.#subtrees.push(entry);
  }

  #endFile(): void {
    if (this.#isFile && this.#bytesLeft !== 0) this.#isFlawless = false;
  }
}
