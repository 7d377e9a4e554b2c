/**
 * Compares a snapshot with the files that are there now, entry by entry in the order of names. Of the repository only trees are
 * read. Sockets are passed over, as no backup stores them.
 */
import { systemCode, messageOf } from "@holdfast/base";
import { listFolder } from "../backup/list-folder.ts";
import { isDamageError } from "../browse/damage.ts";
import { engineError } from "../errors.ts";
import { metadataDifferences } from "../filesystem/compare-metadata.ts";
import { compareNames, displayPath } from "../filesystem/path-bytes.ts";
import { lstatNs, readLink, type RawStat } from "../filesystem/read-metadata.ts";
import type { Id } from "../format/id.ts";
import { nodeNameProblem, type TreeNode } from "../format/node.ts";
import { iterateTree } from "../format/tree.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { PatternSet } from "../patterns/pattern-set.ts";
import { systemReason } from "../platform/libc.ts";
import type { Repository } from "../repository/repository.ts";
import type { PathTarget } from "../repository/tree-reader.ts";
import { countEntry, type EntryCounts, type Modifier, type OnChange } from "./changes.ts";
import { LiveContent } from "./live-content.ts";
import { Pauses } from "./pauses.ts";
import { subtreeOf } from "./subtree.ts";
import { TreeSource } from "./tree-source.ts";

/** Something that could not be compared, on either side. */
export interface LiveProblem {
  /** Surrogate-escaped live path. */
  readonly path: string;
  readonly reason: string;
  /** `snapshot`: what is stored is damaged. `live`: the system refused. */
  readonly side: "snapshot" | "live";
}

export interface LiveDiffOptions {
  readonly signal: AbortSignal;
  /** Also report entries of which only metadata changed. */
  readonly metadata: boolean;
  /** Read files and compare their bytes. Without it a file is the same when its size and time of modification are. */
  readonly content: boolean;
  /** What is left out on both sides, by live paths; as for a backup. */
  readonly excludes: readonly { readonly lines: readonly string[]; readonly ignoreCase: boolean }[];
  readonly onChange: OnChange;
  /** Called for each; the comparison goes on without that part. */
  readonly onProblem: (problem: LiveProblem) => void;
}

/** Bytes are sizes of files; of changed files those that they have now. */
export interface LiveDiff {
  readonly changedFiles: number;
  readonly changedBytes: number;
  readonly added: EntryCounts & { bytes: number };
  readonly removed: EntryCounts & { bytes: number };
}

/** What is compared: a place in the snapshot and an absolute live path. */
export interface LivePair {
  readonly place: PathTarget;
  /** Surrogate-escaped, without a slash at the end unless it is the root. */
  readonly path: string;
}

/**
 * What changed from the snapshot to the live files, below each pair and at it; the metadata of a pair's own folder is not compared.
 * @throws ENGINE_PATTERN_INVALID, and what the backend throws; on abort the signal's reason
 */
export async function diffLive(
  repository: Repository,
  index: BlobIndex,
  pairs: readonly LivePair[],
  options: LiveDiffOptions,
): Promise<LiveDiff> {
  const comparison = new LiveComparison(repository, index, options);
  for (const pair of pairs) await comparison.run(pair);
  options.signal.throwIfAborted();
  return comparison.result;
}

class LiveComparison {
  readonly #trees: TreeSource;
  readonly #content: LiveContent;
  readonly #excludes: readonly PatternSet[];
  readonly #options: LiveDiffOptions;
  readonly #pauses: Pauses;
  readonly result = {
    changedFiles: 0,
    changedBytes: 0,
    added: { files: 0, dirs: 0, others: 0, bytes: 0 },
    removed: { files: 0, dirs: 0, others: 0, bytes: 0 },
  };

  constructor(repository: Repository, index: BlobIndex, options: LiveDiffOptions) {
    this.#trees = new TreeSource(repository, index);
    this.#excludes = options.excludes.map(({ lines, ignoreCase }) => PatternSet.parse(lines, { ignoreCase }));
    this.#options = options;
    this.#pauses = new Pauses(options.signal);
    this.#content = new LiveContent(index, this.#pauses);
  }

  async run({ place, path }: LivePair): Promise<void> {
    if (place.kind === "node") return this.#entry(path, place.node, true);
    const stat = this.#look(path);
    if (stat === "unreadable") return;
    if (stat?.type === "dir") return this.#guarded(path, () => this.#folders(path, place.id));
    if (stat !== undefined) return this.#change(this.#options.metadata ? "TU" : "T", path);
    if (place.node !== undefined) return this.#removed(path, place.node);
    this.#problem(path, "live", "it does not exist");
  }

  async #folders(folder: string, tree: Id): Promise<void> {
    // The tree first: without it, all that is live would look new.
    const nodes = iterateTree(await this.#trees.load(tree, this.#options), `tree ${tree}`)[Symbol.iterator]();
    const names = this.#list(folder);
    if (names === undefined) return;
    let next = nodes.next();
    let at = 0;
    for (;;) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const node = next.done === true ? undefined : next.value;
      const name = names[at];
      if (node === undefined && name === undefined) return;
      const order = node === undefined ? 1 : name === undefined ? -1 : compareNames(node.name, name);
      if (order <= 0) next = nodes.next();
      if (order >= 0) at++;
      const own = (order <= 0 ? node?.name : name) as string;
      if (node !== undefined && order <= 0 && !this.#isUsable(folder, node)) continue;
      const path = below(folder, own);
      if (this.#isExcluded(path)) continue;
      await this.#entry(path, order <= 0 ? node : undefined, order >= 0);
    }
  }

  async #entry(path: string, node: TreeNode | undefined, isListed: boolean): Promise<void> {
    const stat = isListed ? this.#look(path) : undefined;
    if (stat === "unreadable") return;
    if (node !== undefined && stat !== undefined) return this.#both(path, node, stat);
    if (node !== undefined) return this.#removed(path, node);
    if (stat !== undefined) return this.#added(path, stat);
  }

  async #both(path: string, node: TreeNode, stat: RawStat): Promise<void> {
    const { metadata } = this.#options;
    if (node.type !== stat.type) return this.#change(metadata ? "TU" : "T", asShown(path, stat.type));
    let modifier: Modifier | undefined;
    try {
      modifier = await this.#contentModifier(path, node, stat);
      if (modifier === undefined && metadata && metadataDifferences(path, node).length > 0) modifier = "U";
    } catch (error) {
      this.#failed(path, error);
    }
    if (node.type === "file" && (modifier === "M" || modifier === "M?")) {
      this.result.changedFiles++;
      this.result.changedBytes += stat.size;
    }
    if (modifier !== undefined) await this.#change(modifier, asShown(path, node.type));
    if (node.type === "dir") await this.#guarded(path, () => this.#folders(path, subtreeOf(node, path)));
  }

  async #contentModifier(path: string, node: TreeNode, stat: RawStat): Promise<Modifier | undefined> {
    if (node.type === "symlink") return readLink(path) === node.linkTarget ? undefined : "M";
    if (node.type === "dev" || node.type === "chardev") return stat.device === node.device ? undefined : "M";
    if (node.type !== "file") return undefined;
    if (stat.size !== node.size) return "M";
    const isSameTime = stat.mtimeNs === node.mtimeNs;
    if (!this.#options.content) return isSameTime ? undefined : "M";
    if (await this.#content.isSame(path, node.content ?? [])) return undefined;
    return isSameTime && stat.ctimeNs === node.ctimeNs && stat.inode === node.inode ? "M?" : "M";
  }

  async #added(path: string, stat: RawStat): Promise<void> {
    await this.#change("+", asShown(path, stat.type));
    countEntry(this.result.added, stat.type);
    if (stat.type === "file") this.result.added.bytes += stat.size;
    if (stat.type !== "dir") return;
    for (const name of this.#list(path) ?? []) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const inner = below(path, name);
      if (!this.#isExcluded(inner)) await this.#entry(inner, undefined, true);
    }
  }

  async #removed(path: string, node: TreeNode): Promise<void> {
    await this.#change("-", asShown(path, node.type));
    countEntry(this.result.removed, node.type);
    if (node.type === "file") this.result.removed.bytes += node.size;
    if (node.type === "dir") await this.#guarded(path, () => this.#allRemoved(path, subtreeOf(node, path)));
  }

  async #allRemoved(folder: string, tree: Id): Promise<void> {
    for (const node of iterateTree(await this.#trees.load(tree, this.#options), `tree ${tree}`)) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const path = below(folder, node.name);
      if (this.#isUsable(folder, node) && !this.#isExcluded(path)) await this.#removed(path, node);
    }
  }

  /** `undefined` for what is not there, and for sockets. */
  #look(path: string): RawStat | "unreadable" | undefined {
    try {
      const stat = lstatNs(path);
      return stat.type === "socket" ? undefined : stat;
    } catch (error) {
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      this.#failed(path, error);
      return "unreadable";
    }
  }

  #list(folder: string): string[] | undefined {
    try {
      return listFolder(folder);
    } catch (error) {
      this.#failed(folder, error);
      return undefined;
    }
  }

  #isExcluded(path: string): boolean {
    return this.#excludes.some((set) => set.matches(path));
  }

  #isUsable(folder: string, { name }: TreeNode): boolean {
    if (nodeNameProblem(name) === undefined) return true;
    const error = engineError("ENGINE_TREE_UNSAFE_NAME", { name: displayPath(name) });
    this.#problem(folder, "snapshot", error.message);
    return false;
  }

  async #change(modifier: Modifier, path: string): Promise<void> {
    await this.#options.onChange({ modifier, path });
  }

  async #guarded(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed(path, error);
    }
  }

  /** What is out of reach ends the run; damage and what the system refuses are told. */
  #failed(path: string, error: unknown): void {
    if (this.#options.signal.aborted) throw error;
    if (isDamageError(error)) this.#problem(path, "snapshot", messageOf(error));
    else if (systemCode(error) !== undefined) this.#problem(path, "live", systemReason(error));
    else throw error;
  }

  #problem(path: string, side: LiveProblem["side"], reason: string): void {
    this.#options.onProblem({ path, side, reason });
  }
}

function below(folder: string, name: string): string {
  return folder.endsWith("/") ? `${folder}${name}` : `${folder}/${name}`;
}

function asShown(path: string, type: TreeNode["type"]): string {
  return type === "dir" && !path.endsWith("/") ? `${path}/` : path;
}
