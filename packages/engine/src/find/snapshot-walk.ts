/** Goes through the searched trees of a snapshot, depth first, and collects what is found. */
import type { HoldfastError } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import { idToBytes } from "../format/id.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";
import { Descent, type PlacedTree } from "./descent.ts";
import { type FindProblem, FoundEntry, type FoundObject } from "./found.ts";
import type { FindQuery } from "./query.ts";
import type { Kept, SearchedTree } from "./tree-search.ts";
import type { TreeSource } from "./tree-source.ts";
import type { WantedTree } from "./wanted-tree.ts";

const BATCH_ENTRIES = 1000;
/** Entries of larger folders are parsed for each snapshot anew: a million of them would take a gigabyte. */
const SHARED_ENTRIES = 10_000;

/** A folder on the way from the root. */
interface Level extends PlacedTree {
  next: number;
  /** Up to where the trees of its folders were requested. */
  requested: number;
  /** Whether nothing can be found in it, wherever it lies, by all that was seen so far. */
  isBarren: boolean;
}

export interface SnapshotWalkOptions {
  readonly index: BlobIndex;
  readonly source: TreeSource;
  readonly query: FindQuery;
  readonly signal: AbortSignal;
  onProblem(problem: FindProblem): void;
}

export class SnapshotWalk {
  readonly #options: SnapshotWalkOptions;
  readonly #source: TreeSource;
  readonly #descent: Descent;
  readonly #wantedTrees: ReadonlySet<string>;
  /** What was reported already: a damaged tree is told once, and not for every snapshot that holds it. */
  readonly #reported = new Set<string>();

  constructor(options: SnapshotWalkOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#descent = new Descent(options.query);
    this.#wantedTrees = new Set(options.query.kind === "blobs" ? options.query.trees : []);
  }

  /** What is found in a snapshot, in batches. @throws what the source throws, but for damage */
  async *entriesOf(stored: StoredSnapshot): AsyncGenerator<FoundEntry[]> {
    let entries = this.#rootOf(stored);
    const levels: Level[] = [];
    const root = await this.#openRoot(stored);
    if (root !== undefined) levels.push(root);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      if (entries.length >= BATCH_ENTRIES) {
        yield entries;
        entries = [];
      }
      const kept = level.tree.kept[level.next];
      if (kept === undefined) {
        levels.pop();
        this.#close(level, levels.at(-1));
        continue;
      }
      this.#requestAhead(level);
      level.next++;
      const path = `${level.path}/${kept.name}`;
      const { isFound, below } = this.#descent.decide(level.wanted.mode, kept, path);
      if (isFound) entries.push(this.#found(level, kept, path));
      if (!kept.isFolder) continue;
      if (below === undefined) {
        // Passed over because of where it lies; elsewhere it might not be.
        level.isBarren = false;
        continue;
      }
      if (kept.tree < 0) {
        this.#reportMissing(stored, level, kept, path);
        continue;
      }
      const wanted = { entry: kept.tree, mode: below };
      if (this.#source.isBarren(wanted)) continue;
      const known = this.#source.get(wanted);
      if (known === undefined && entries.length > 0) {
        // Nobody waits for what is known while a tree is being read.
        yield entries;
        entries = [];
      }
      const child = known ?? (await this.#load(stored, wanted, path));
      if (child !== undefined) levels.push(this.#open(stored, wanted, child, path));
    }
    if (entries.length > 0) yield entries;
  }

  #rootOf({ snapshot }: StoredSnapshot): FoundEntry[] {
    const { tree: id } = snapshot;
    return this.#wantedTrees.has(id)
      ? [new FoundEntry("/", [{ type: "tree", id, parentTree: undefined }], undefined)]
      : [];
  }

  async #openRoot(stored: StoredSnapshot): Promise<Level | undefined> {
    const id = stored.snapshot.tree;
    const entry = this.#options.index.entryOf("tree", idToBytes(id), 0);
    if (entry < 0) {
      this.#report(id, stored, "/", engineError("ENGINE_BLOB_MISSING", { type: "tree", id }));
      return undefined;
    }
    const wanted = { entry, mode: "by-name" } as const;
    if (this.#source.isBarren(wanted)) return undefined;
    const tree = this.#source.get(wanted) ?? (await this.#load(stored, wanted, ""));
    return tree === undefined ? undefined : this.#open(stored, wanted, tree, "");
  }

  #open(stored: StoredSnapshot, wanted: WantedTree, tree: SearchedTree, path: string): Level {
    for (const name of tree.unsafeNames) {
      const error = engineError("ENGINE_TREE_UNSAFE_NAME", { name: displayPath(name) });
      this.#report(`${wanted.entry}/${name}`, stored, `${path}/${name}`, error);
    }
    const isBarren = !tree.kept.some(({ isMatch }) => isMatch);
    return { wanted, tree, path, next: 0, requested: 0, isBarren };
  }

  #close({ wanted, isBarren }: Level, above: Level | undefined): void {
    if (isBarren) this.#source.markBarren(wanted);
    else if (above !== undefined) above.isBarren = false;
  }

  /** Has the trees of the next folders searched, so that the workers have something to do meanwhile. */
  #requestAhead(level: Level): void {
    const { stepsAhead } = this.#descent;
    if (level.requested - level.next >= stepsAhead / 2 || level.requested >= level.tree.kept.length) return;
    const from = Math.max(level.requested, level.next);
    level.requested = from + stepsAhead;
    this.#descent.requestBelow(this.#source, level, from, level.requested);
  }

  async #load(stored: StoredSnapshot, wanted: WantedTree, path: string): Promise<SearchedTree | undefined> {
    try {
      return await this.#source.load(wanted, path);
    } catch (error) {
      if (this.#options.signal.aborted || !isDamageError(error)) throw error;
      this.#report(String(wanted.entry), stored, path === "" ? "/" : path, error);
      return undefined;
    }
  }

  #reportMissing(stored: StoredSnapshot, level: Level, { name, missing }: Kept, path: string): void {
    const error =
      missing === undefined
        ? engineError("ENGINE_MALFORMED", { what: `the folder '${displayPath(path)}'`, reason: "it names no tree" })
        : engineError("ENGINE_BLOB_MISSING", { type: "tree", id: missing });
    this.#report(missing ?? `${level.wanted.entry}/${name}`, stored, path, error);
  }

  #report(what: string, { id }: StoredSnapshot, path: string, error: HoldfastError): void {
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    this.#options.onProblem({ snapshot: id, path, error });
  }

  #found({ wanted, tree }: Level, kept: Kept, path: string): FoundEntry {
    const type = kept.isFolder ? "tree" : "data";
    const parentTree = kept.ids.length === 0 ? undefined : this.#options.index.idAt(wanted.entry);
    const objects = kept.ids.map((id): FoundObject => ({ type, id, parentTree }));
    return new FoundEntry(path, objects, kept, { isShared: tree.kept.length <= SHARED_ENTRIES });
  }
}
