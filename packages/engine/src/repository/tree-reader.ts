/** Reads trees by id, and finds what lies at a path inside a snapshot. */
import { engineError } from "../errors.ts";
import { displayPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import type { TreeNode } from "../format/node.ts";
import { decodeTree } from "../format/tree.ts";
import type { BlobReader } from "./blob-reader.ts";

/** Trees kept decoded: walking back up and `..:subfolder` hit the same few again. */
const CACHED_TREES = 64;

export class TreeReader {
  readonly #blobs: BlobReader;
  readonly #cache = new Map<Id, TreeNode[]>();

  constructor(blobs: BlobReader) {
    this.#blobs = blobs;
  }

  /** @throws ENGINE_BLOB_MISSING, ENGINE_MALFORMED and other damage */
  async load(id: Id, { signal }: { signal: AbortSignal }): Promise<TreeNode[]> {
    const known = this.#cache.get(id);
    if (known !== undefined) return known;
    const nodes = decodeTree(await this.#blobs.load("tree", id, { signal }));
    this.#cache.set(id, nodes);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHED_TREES && oldest !== undefined) this.#cache.delete(oldest);
    return nodes;
  }
}

/** What lies at a path of a snapshot: a folder's tree, or another node with the tree that holds it. */
export type PathTarget =
  | { readonly kind: "tree"; readonly id: Id; readonly node: TreeNode | undefined }
  | { readonly kind: "node"; readonly node: TreeNode };

/**
 * @param path inside the snapshot, slashes at both ends optional; empty for the root
 * @throws ENGINE_PATH_NOT_FOUND
 */
export async function resolvePath(
  trees: TreeReader,
  root: Id,
  path: string,
  { signal }: { signal: AbortSignal },
): Promise<PathTarget> {
  let at: PathTarget = { kind: "tree", id: root, node: undefined };
  for (const name of path.split("/").filter((part) => part !== "" && part !== ".")) {
    const found: TreeNode | undefined =
      at.kind === "tree" ? (await trees.load(at.id, { signal })).find((node) => node.name === name) : undefined;
    if (found === undefined) throw engineError("ENGINE_PATH_NOT_FOUND", { path: displayPath(path) });
    at =
      found.type === "dir" && found.subtree !== undefined
        ? { kind: "tree", id: found.subtree, node: found }
        : { kind: "node", node: found };
  }
  return at;
}
