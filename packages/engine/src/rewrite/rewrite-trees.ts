/**
 * Rewrites trees so that only chosen entries stay. Entries that stay keep their bytes, but for the tree of a folder in which
 * something changed; a tree in which nothing changed keeps its id.
 */
import type { TreeSource } from "../diff/tree-source.ts";
import { Pauses } from "../diff/pauses.ts";
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import { idOf, isId, type Id } from "../format/id.ts";
import { nodeNameProblem } from "../format/node.ts";
import { TreeEncoder, treeSlices, type TreeSlice } from "../format/tree.ts";
import { textOf } from "../format/tree-scanner.ts";
import { isKnownEntry, isPlainTree } from "./known-fields.ts";
import { KnownResults, type RewrittenTree } from "./known-results.ts";
import type { PathChoice } from "./path-choice.ts";

interface Parts {
  readonly trees: TreeSource;
  readonly choice: PathChoice;
  /** Stores a tree, unless the repository has it. Trees come after those in them. */
  readonly store: (id: Id, bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
  /** Called for each entry that is left out; of trees that several snapshots share, once. */
  readonly onLeftOut?: ((path: string) => void) | undefined;
}

/** How much work it was. */
export interface RewriteCounts {
  readonly treesRead: number;
  readonly treesRewritten: number;
}

const GONE: RewrittenTree = { id: undefined, files: 0, bytes: 0 };

/** What becomes of an entry: left out (`null`), or a folder with another tree. Entries that stay as they are have none. */
type Edit = Id | null;

interface Sums {
  files: number;
  bytes: number;
}

export class TreeRewriter {
  readonly #parts: Parts;
  readonly #known = new KnownResults();
  readonly #pauses: Pauses;
  readonly #counts = { treesRead: 0, treesRewritten: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#pauses = new Pauses(parts.signal);
  }

  get counts(): RewriteCounts {
    return this.#counts;
  }

  /**
   * The tree that stands for the root `id` when all that is not chosen is left out.
   * @throws ENGINE_TREE_NOT_KNOWN for a tree that would have to change and holds what this version does not know;
   * ENGINE_TREE_UNSAFE_NAME, ENGINE_BLOB_MISSING and other damage; what the backend throws; on abort the signal's reason
   */
  rewrite(id: Id): Promise<RewrittenTree> {
    return this.#rewrite(id, "");
  }

  /** @param folder its path without a slash at the end; empty for the root */
  async #rewrite(id: Id, folder: string): Promise<RewrittenTree> {
    const known = this.#known.get(id, folder);
    if (known !== undefined) return known;
    const bytes = await this.#parts.trees.load(id, this.#parts);
    this.#counts.treesRead++;
    const sums: Sums = { files: 0, bytes: 0 };
    const edits = new Map<number, Edit>();
    let entries = 0;
    let left = 0;
    for (const slice of treeSlices(bytes, `tree ${id}`)) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const edit = await this.#entry(bytes, slice, { id, folder }, sums);
      if (edit !== undefined) edits.set(entries, edit);
      if (edit !== null) left++;
      entries++;
    }
    let result: RewrittenTree = { id, ...sums };
    if (left === 0 && !this.#parts.choice.keepsEmpty(folder === "" ? "/" : folder)) result = GONE;
    else if (edits.size > 0) result = { id: await this.#write(bytes, edits, { id, folder }), ...sums };
    this.#known.set(id, folder, result);
    return result;
  }

  /** `undefined` for an entry that stays as it is. */
  async #entry(
    bytes: Uint8Array,
    { name, start, end }: TreeSlice,
    tree: { id: Id; folder: string },
    sums: Sums,
  ): Promise<Edit | undefined> {
    if (nodeNameProblem(name) !== undefined) {
      throw engineError("ENGINE_TREE_UNSAFE_NAME", { name: displayPath(name) });
    }
    const path = `${tree.folder}/${name}`;
    const node = fieldsOf(textOf(bytes, start, end), `tree ${tree.id}`);
    if (!this.#parts.choice.keeps(path, node.type === "dir")) {
      this.#parts.onLeftOut?.(path);
      return null;
    }
    if (node.type === "file") {
      sums.files++;
      sums.bytes += node.size;
    }
    if (node.type !== "dir") return undefined;
    if (node.subtree === undefined) {
      const what = `the folder '${displayPath(path)}'`;
      throw engineError("ENGINE_MALFORMED", { what, reason: "it names no tree" });
    }
    const below = await this.#rewrite(node.subtree, path);
    sums.files += below.files;
    sums.bytes += below.bytes;
    return below.id === undefined ? null : below.id === node.subtree ? undefined : below.id;
  }

  async #write(
    bytes: Uint8Array,
    edits: ReadonlyMap<number, Edit>,
    { id, folder }: { id: Id; folder: string },
  ): Promise<Id> {
    const what = `tree ${id}`;
    const refuse = (reason: string): Error =>
      engineError("ENGINE_TREE_NOT_KNOWN", { path: displayPath(folder === "" ? "/" : folder), id, reason });
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!isPlainTree(whole, treeSlices(bytes, what))) throw refuse("it is not only a list of entries");
    const encoder = new TreeEncoder();
    let at = 0;
    for (const { name, start, end } of treeSlices(bytes, what)) {
      const pause = this.#pauses.step();
      if (pause !== undefined) await pause;
      const edit = edits.get(at++);
      if (edit === null) continue;
      const json = textOf(bytes, start, end);
      if (!isKnownEntry(json, what)) throw refuse(`unknown fields of '${displayPath(name)}'`);
      const edited = edit === undefined ? json : withSubtree(json, edit);
      if (edited === undefined) throw refuse(`'${displayPath(name)}' is written in an unknown form`);
      encoder.append(edited);
    }
    const rewritten = encoder.finish();
    const newId = idOf(rewritten);
    this.#counts.treesRewritten++;
    await this.#parts.store(newId, rewritten);
    return newId;
  }
}

interface Fields {
  readonly type: string;
  readonly size: number;
  readonly subtree: Id | undefined;
}

/** What a decision needs; the rest of an entry is looked at only when its tree changes. @throws ENGINE_MALFORMED */
function fieldsOf(json: string, what: string): Fields {
  const malformed = (reason: string): Error => engineError("ENGINE_MALFORMED", { what, reason });
  let value: { readonly type?: unknown; readonly size?: unknown; readonly subtree?: unknown };
  try {
    value = JSON.parse(json) as typeof value;
  } catch {
    throw malformed("it is not JSON");
  }
  const { type, size = 0, subtree } = value;
  if (typeof type !== "string") throw malformed("an entry has no type");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw malformed(`"size" of an entry is not a whole number`);
  }
  if (subtree == null) return { type, size, subtree: undefined };
  if (typeof subtree !== "string" || !isId(subtree)) {
    throw malformed("an entry refers to something that is not an id");
  }
  return { type, size, subtree };
}

/** A folder's own field is the last of that name: before it stand only attributes of other systems. */
const SUBTREE = /^(.*"subtree":")[0-9a-f]{64}(".*)$/s;

function withSubtree(json: string, tree: Id): string | undefined {
  const [, before, after] = SUBTREE.exec(json) ?? [];
  return before === undefined || after === undefined ? undefined : `${before}${tree}${after}`;
}
