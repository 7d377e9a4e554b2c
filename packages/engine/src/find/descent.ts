/** Decides which entries of a folder are found, and into which folders a search goes. */
import type { PatternSet } from "../patterns/pattern-set.ts";
import { pathMatcher } from "./path-match.ts";
import type { FindQuery } from "./query.ts";
import type { Kept, SearchedTree } from "./tree-search.ts";
import type { TreeSource } from "./tree-source.ts";
import type { SearchMode, WantedTree } from "./wanted-tree.ts";

/** A tree at the place where it lies. */
export interface PlacedTree {
  readonly wanted: WantedTree;
  readonly tree: SearchedTree;
  /** Without a slash at the end; empty for the root. */
  readonly path: string;
}

/** What becomes of an entry. */
export interface Decision {
  readonly isFound: boolean;
  /** How the folder's own tree is searched; `undefined` when nothing below it can be found. */
  readonly below: SearchMode | undefined;
}

/** Folders of one tree that are requested before anybody comes to them. */
const STEPS_AHEAD = 256;

/** Remembers the folder that it was asked about last: one for each way of going through trees. */
export class Descent {
  readonly stepsAhead = STEPS_AHEAD;
  readonly #paths: PatternSet | undefined;

  /** @throws ENGINE_PATTERN_INVALID */
  constructor(query: FindQuery) {
    this.#paths = query.kind === "names" ? pathMatcher(query) : undefined;
  }

  /** @param path of the entry */
  decide(mode: SearchMode, kept: Kept, path: string): Decision {
    if (mode === "everything" || this.#paths === undefined) {
      return { isFound: kept.isMatch, below: kept.isFolder ? mode : undefined };
    }
    const { selected, mayHoldSelected } = this.#paths.select(path);
    const below = selected ? "everything" : mayHoldSelected ? "by-name" : undefined;
    return { isFound: kept.isMatch && selected, below: kept.isFolder ? below : undefined };
  }

  /** Requests the trees of folders `from` up to `to`, as far as they will be gone into. */
  requestBelow(source: TreeSource, { wanted, tree, path }: PlacedTree, from: number, to: number): void {
    for (let n = from; n < Math.min(to, tree.kept.length); n++) {
      const kept = tree.kept[n] as Kept;
      if (kept.tree < 0) continue;
      const childPath = `${path}/${kept.name}`;
      const { below } = this.decide(wanted.mode, kept, childPath);
      if (below !== undefined) source.request({ entry: kept.tree, mode: below }, childPath);
    }
  }
}
