/**
 * What became of trees that were rewritten already: most are shared by many snapshots. Patterns look at paths, so that a result
 * counts for one tree at one path.
 */
import { hash } from "node:crypto";
import type { Id } from "../format/id.ts";

/** Of a folder: its tree when it is rewritten, `undefined` when nothing of it stays; and the files below it that stay. */
export interface RewrittenTree {
  readonly id: Id | undefined;
  readonly files: number;
  readonly bytes: number;
}

/** About 50 MB when full. */
const MOST = 200_000;

export class KnownResults {
  readonly #most: number;
  /** Most recently used last. Folders come after what is in them, so that the upper ones, which spare the most, stay longest. */
  readonly #results = new Map<string, RewrittenTree>();

  constructor(most = MOST) {
    this.#most = most;
  }

  get(tree: Id, path: string): RewrittenTree | undefined {
    const key = keyOf(tree, path);
    const result = this.#results.get(key);
    if (result === undefined) return undefined;
    this.#results.delete(key);
    this.#results.set(key, result);
    return result;
  }

  set(tree: Id, path: string, result: RewrittenTree): void {
    this.#results.set(keyOf(tree, path), result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > this.#most && oldest !== undefined) this.#results.delete(oldest);
  }
}

/** Short, whatever the path. UTF-16 keeps bytes that are not UTF-8 apart. */
function keyOf(tree: Id, path: string): string {
  return hash("sha256", Buffer.from(`${tree}${path}`, "utf16le"), "binary");
}
