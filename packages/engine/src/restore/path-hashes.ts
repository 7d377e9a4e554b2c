/** Sets of paths as hashes of 48 bits: a million take 8 MB. Among ten million paths, two that share one are unlikely. */
import { hash } from "node:crypto";
import { encodePath } from "../filesystem/path-bytes.ts";

/** The hash of a path, a whole number. */
export function pathHash(path: string): number {
  return Number.parseInt(hash("sha1", encodePath(path), "hex").slice(0, 12), 16);
}

/** Collects hashes. */
export class PathHashes {
  #hashes = new Float64Array(1024);
  #count = 0;

  add(hashes: readonly number[]): void {
    if (this.#count + hashes.length > this.#hashes.length) {
      const larger = new Float64Array(Math.max(this.#hashes.length * 2, this.#count + hashes.length));
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes.set(hashes, this.#count);
    this.#count += hashes.length;
  }

  /** All of them in order, in shared memory. */
  sorted(): Float64Array {
    const shared = new Float64Array(new SharedArrayBuffer(this.#count * 8));
    shared.set(this.#hashes.subarray(0, this.#count));
    return shared.sort();
  }
}

/** Whether a sorted list of hashes holds that of `path`. */
export function holdsPath(sorted: Float64Array, path: string): boolean {
  if (sorted.length === 0) return false;
  const wanted = pathHash(path);
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted;
}
