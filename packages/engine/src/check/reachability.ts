/** Follows the trees of snapshots over the edges that verified trees gave, without reading anything again. */
import type { Finding } from "./findings.ts";
import type { TreeEdges } from "./messages.ts";

export class Reachability {
  readonly #edges = new Map<number, TreeEdges>();
  readonly #used: Uint8Array;
  readonly #damaged: Uint8Array;
  /** 0 unknown, 1 whole, 2 not whole. */
  readonly #state: Uint8Array;

  /** @param entries number of entries in the blob index */
  constructor(entries: number) {
    this.#used = new Uint8Array(entries);
    this.#damaged = new Uint8Array(entries);
    this.#state = new Uint8Array(entries);
  }

  add(edges: TreeEdges): void {
    this.#edges.set(edges.entry, edges);
  }

  markDamaged(entry: number): void {
    this.#damaged[entry] = 1;
  }

  isDamaged(entry: number): boolean {
    return this.#damaged[entry] === 1;
  }

  isUsed(entry: number): boolean {
    return this.#used[entry] === 1;
  }

  /** What is wrong with trees that are used. */
  *findingsOfUsed(): Iterable<Finding> {
    for (const { entry, findings } of this.#edges.values()) if (this.isUsed(entry)) yield* findings;
  }

  /** Marks everything below a root as used. An explicit stack, so that depth is no limit. */
  visit(root: number): void {
    const stack = [root];
    for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
      if (this.#used[entry] === 1) continue;
      this.#used[entry] = 1;
      const edges = this.#edges.get(entry);
      if (edges === undefined) continue;
      for (const blob of edges.data) this.#used[blob] = 1;
      for (const subtree of edges.subtrees) if (this.#used[subtree] === 0) stack.push(subtree);
    }
  }

  /** True when the tree, and everything below it, is there and undamaged. A tree that contains itself is not whole. */
  isWhole(root: number): boolean {
    const stack = [root];
    const open = new Set<number>();
    while (stack.length > 0) {
      const entry = stack.at(-1) as number;
      if (this.#state[entry] !== 0) {
        stack.pop();
        continue;
      }
      const edges = this.#edges.get(entry);
      const waiting = edges === undefined || open.has(entry) ? [] : this.#unknown(edges);
      if (edges !== undefined && !open.has(entry) && waiting.length > 0) {
        open.add(entry);
        for (const subtree of waiting) stack.push(subtree);
        continue;
      }
      stack.pop();
      open.delete(entry);
      this.#state[entry] = edges !== undefined && this.#allWhole(edges) ? 1 : 2;
    }
    return this.#state[root] === 1;
  }

  #unknown(edges: TreeEdges): number[] {
    return Array.from(edges.subtrees).filter((subtree) => this.#state[subtree] === 0);
  }

  #allWhole(edges: TreeEdges): boolean {
    return (
      !edges.incomplete &&
      this.#damaged[edges.entry] === 0 &&
      edges.data.every((blob) => this.#damaged[blob] === 0) &&
      edges.subtrees.every((subtree) => this.#state[subtree] === 1)
    );
  }
}
