/** A worker thread of a search: opens trees and searches them. */
import { isHoldfastError } from "@holdfast/base";
import { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { idOf } from "../format/id.ts";
import { BlobIndex, type BlobLocation } from "../index/blob-index.ts";
import { Decompressor } from "../platform/zstd.ts";
import { runWorker } from "../workers/run-worker.ts";
import type { FindAnswer, FindTask, FindWorkerData, TreeResult, UnitTask } from "./messages.ts";
import { packTree } from "./packed-tree.ts";
import { TreeSearcher } from "./tree-search.ts";
import { treeOfKey } from "./wanted-tree.ts";

class TreeOpener {
  readonly #sealer: Sealer;
  readonly #index: BlobIndex;
  readonly #decompressor = new Decompressor();

  constructor(key: FindWorkerData["key"], index: BlobIndex) {
    this.#sealer = new Sealer(key);
    this.#index = index;
  }

  /** The plain bytes, valid until the next call. @throws damage of this copy */
  open({ bytes, offset }: UnitTask, entry: number, what: string): Uint8Array {
    const place = this.#index.locationAt(entry) as BlobLocation;
    const start = place.offset - offset;
    const stored = this.#sealer.openTransient(bytes.subarray(start, start + place.lengthBytes), what);
    const plain =
      place.uncompressedBytes > 0 ? this.#decompressor.decompress(stored, place.uncompressedBytes, what) : stored;
    if (idOf(plain) !== this.#index.idAt(entry)) throw engineError("ENGINE_WRONG_HASH", { what });
    return plain;
  }
}

runWorker<FindTask, FindAnswer, FindWorkerData>((port, { key, index: shared, query, withNodes }) => {
  const index = BlobIndex.attach(shared);
  const opener = new TreeOpener(key, index);
  const searcher = new TreeSearcher(query, { index, withNodes });
  const search = (wanted: number, open: (entry: number, what: string) => Uint8Array): TreeResult => {
    const { entry, mode } = treeOfKey(wanted);
    const what = `tree ${index.idAt(entry)}`;
    try {
      const tree = searcher.search(open(entry, what), mode, what);
      return tree.kept.length === 0 && tree.unsafeNames.length === 0 ? undefined : packTree(tree);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      return { error: error.toJSON() };
    }
  };
  for (;;) {
    const task = port.receive();
    const open =
      task.kind === "plain"
        ? (): Uint8Array => task.bytes
        : (entry: number, what: string): Uint8Array => opener.open(task, entry, what);
    port.send({ kind: "searched", results: Array.from(task.wanted, (wanted) => search(wanted, open)) });
  }
});
