/**
 * Compares two trees, entry by entry in the order of names. Folders that both have under one id are passed over, and entries
 * that are stored alike are not decoded. What is found is reported as it is found; of each level only the bytes of its two trees
 * are held.
 */
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import { compareNames, displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import { nodeNameProblem, parseNode, type TreeNode } from "../format/node.ts";
import { treeSlices, type TreeSlice } from "../format/tree.ts";
import { textOf } from "../format/tree-scanner.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import type { Repository } from "../repository/repository.ts";
import { BlobTally, type BlobCounts, type Side } from "./blob-tally.ts";
import { countEntry, type DiffProblem, type EntryCounts, type Modifier, type OnChange } from "./changes.ts";
import { Pauses } from "./pauses.ts";
import { nodeReferences } from "./references.ts";
import { isSameButContent, isSameContent } from "./same-node.ts";
import { subtreeOf } from "./subtree.ts";
import { TreeSource } from "./tree-source.ts";

export interface TreeDiffOptions {
  readonly signal: AbortSignal;
  /** Also report entries of which only metadata changed. */
  readonly metadata: boolean;
  readonly onChange: OnChange;
  /** Called for damage; the comparison then goes on without that part. Without it, damage is thrown. */
  readonly onProblem?: (problem: DiffProblem) => void;
}

/** Bytes are those of blobs that only one side needs, before compression: what removing the other could not free. */
export interface TreeDiff {
  readonly changedFiles: number;
  readonly added: EntryCounts & BlobCounts;
  readonly removed: EntryCounts & BlobCounts;
}

/**
 * What changed from one tree to another. Damage of either tree itself is thrown in any case.
 * @throws ENGINE_BLOB_MISSING and other damage, and what the backend throws; on abort the signal's reason
 */
export async function diffTrees(
  repository: Repository,
  index: BlobIndex,
  { from, to }: { from: Id; to: Id },
  options: TreeDiffOptions,
): Promise<TreeDiff> {
  const comparison = new Comparison(repository, index, options);
  await comparison.run(from, to);
  options.signal.throwIfAborted();
  return comparison.result();
}

/** The entries of one tree, one after the other. */
class Entries {
  readonly bytes: Buffer;
  readonly #what: string;
  readonly #slices: Iterator<TreeSlice>;
  /** The entry at hand; `undefined` at the end. */
  current: TreeSlice | undefined;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#slices = treeSlices(bytes, what)[Symbol.iterator]();
    this.next();
  }

  next(): void {
    const { done, value } = this.#slices.next() as IteratorResult<TreeSlice, undefined>;
    this.current = done === true ? undefined : value;
  }

  node({ start, end }: TreeSlice): TreeNode {
    return parseNode(textOf(this.bytes, start, end), this.#what);
  }
}

class Comparison {
  readonly #trees: Readonly<Record<Side, TreeSource>>;
  readonly #tally: BlobTally;
  readonly #options: TreeDiffOptions;
  readonly #pauses: Pauses;
  readonly #added: EntryCounts = { files: 0, dirs: 0, others: 0 };
  readonly #removed: EntryCounts = { files: 0, dirs: 0, others: 0 };
  #changedFiles = 0;

  constructor(repository: Repository, index: BlobIndex, options: TreeDiffOptions) {
    // One each, so that neither drives the other's blocks out.
    this.#trees = { before: new TreeSource(repository, index), after: new TreeSource(repository, index) };
    this.#tally = new BlobTally(index);
    this.#options = options;
    this.#pauses = new Pauses(options.signal);
  }

  async run(from: Id, to: Id): Promise<void> {
    this.#tally.add("before", "tree", from);
    this.#tally.add("after", "tree", to);
    if (from === to) return this.#tally.addCommonFolder(from);
    await this.#compare("/", from, to);
  }

  async result(): Promise<TreeDiff> {
    const { signal } = this.#options;
    const { before, after } = await this.#tally.settle(this.#trees.after, {
      signal,
      onProblem: (error) => this.#report(undefined, error),
    });
    return {
      changedFiles: this.#changedFiles,
      added: { ...this.#added, ...after },
      removed: { ...this.#removed, ...before },
    };
  }

  /** @param folder ends with a slash */
  async #compare(folder: string, from: Id, to: Id): Promise<void> {
    const before = await this.#entries("before", from);
    const after = await this.#entries("after", to);
    while (before.current !== undefined || after.current !== undefined) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const [old, now] = [before.current, after.current];
      const order =
        old === undefined ? 1 : now === undefined ? -1 : old.name === now.name ? 0 : compareNames(old.name, now.name);
      if (old !== undefined && order <= 0) before.next();
      if (now !== undefined && order >= 0) after.next();
      if (old !== undefined && order < 0) await this.#oneSided("before", folder, before.node(old));
      else if (now !== undefined && order > 0) await this.#oneSided("after", folder, after.node(now));
      else if (old !== undefined && now !== undefined && !this.#isStoredAlike(before, old, after, now)) {
        await this.#both(folder, before.node(old), after.node(now));
      }
    }
  }

  async #entries(side: Side, id: Id): Promise<Entries> {
    return new Entries(await this.#trees[side].load(id, this.#options), `tree ${id}`);
  }

  /** True for entries whose bytes are equal; what they refer to is noted. */
  #isStoredAlike(before: Entries, old: TreeSlice, after: Entries, now: TreeSlice): boolean {
    if (old.end - old.start !== now.end - now.start) return false;
    if (before.bytes.compare(after.bytes, now.start, now.end, old.start, old.end) !== 0) return false;
    nodeReferences(textOf(before.bytes, old.start, old.end), "a tree", (type, id) => {
      if (type === "tree") this.#tally.addCommonFolder(id);
      else this.#tally.addBoth(type, id);
    });
    return true;
  }

  async #both(folder: string, old: TreeNode, now: TreeNode): Promise<void> {
    if (!this.#isUsable(folder, now)) return;
    this.#note("before", old);
    this.#note("after", now);
    const path = pathOf(folder, now);
    const modifier = this.#modifier(old, now);
    if (modifier !== undefined) await this.#options.onChange({ modifier, path });
    if (old.type !== "dir" || now.type !== "dir") return;
    const [from, to] = [old.subtree, now.subtree];
    if (from !== undefined && from === to) return this.#tally.addCommonFolder(from);
    await this.#guarded(path, () => this.#compare(path, subtreeOf(old, path), subtreeOf(now, path)));
  }

  #modifier(old: TreeNode, now: TreeNode): Modifier | undefined {
    const { metadata } = this.#options;
    // A type that changed is a change of metadata too, as restic has it.
    if (old.type !== now.type) return metadata ? "TU" : "T";
    if (now.type === "file" && !isSameContent(old, now)) {
      this.#changedFiles++;
      return isSameButContent(old, now) ? "M?" : "M";
    }
    return metadata && !(isSameButContent(old, now) && isSameContent(old, now)) ? "U" : undefined;
  }

  /** An entry that only one side has, with all below it. */
  async #oneSided(side: Side, folder: string, node: TreeNode): Promise<void> {
    if (!this.#isUsable(folder, node)) return;
    const path = pathOf(folder, node);
    await this.#options.onChange({ modifier: side === "before" ? "-" : "+", path });
    countEntry(side === "before" ? this.#removed : this.#added, node.type);
    this.#note(side, node);
    if (node.type === "dir") await this.#guarded(path, () => this.#allBelow(side, path, subtreeOf(node, path)));
  }

  async #allBelow(side: Side, folder: string, id: Id): Promise<void> {
    const entries = await this.#entries(side, id);
    for (let entry = entries.current; entry !== undefined; entry = entries.current) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      entries.next();
      await this.#oneSided(side, folder, entries.node(entry));
    }
  }

  #note(side: Side, { type, content, subtree }: TreeNode): void {
    if (type === "dir" && subtree !== undefined) this.#tally.add(side, "tree", subtree);
    if (type === "file") for (const id of content ?? []) this.#tally.add(side, "data", id);
  }

  #isUsable(folder: string, { name }: TreeNode): boolean {
    if (nodeNameProblem(name) === undefined) return true;
    this.#report(folder, engineError("ENGINE_TREE_UNSAFE_NAME", { name: displayPath(name) }));
    return false;
  }

  async #guarded(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      this.#report(path, error);
    }
  }

  #report(path: string | undefined, error: unknown): void {
    const { onProblem } = this.#options;
    if (onProblem === undefined || !isDamageError(error)) throw error;
    onProblem({ path, error });
  }
}

function pathOf(folder: string, { name, type }: TreeNode): string {
  return type === "dir" ? `${folder}${name}/` : `${folder}${name}`;
}
