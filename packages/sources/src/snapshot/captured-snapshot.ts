/** What a capture has left in a snapshot of a repository. */
import { isHoldfastError } from "@holdfast/base";
import {
  type BlobIndex,
  BlobReader,
  type PathTarget,
  type Repository,
  Restore,
  type Snapshot,
  type SpotCheckResult,
  type TreeNode,
  TreeReader,
  dumpFile,
  resolvePath,
  spotCheck,
} from "@holdfast/engine";
import type { CapturedEntry, CapturedTree, ExtractOptions, SpotCheckRequest } from "../contract/captured-tree.ts";
import { FACTS_FILE, MAX_FACTS_BYTES, type StoredFacts, decodeFacts } from "../contract/facts.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";

interface Parts {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly snapshot: Snapshot;
}

/** @throws SOURCES_DAMAGED when the snapshot holds no capture, and what reading the repository throws */
export async function openCaptured(parts: Parts, options: CallOptions): Promise<CapturedTree> {
  const [path] = parts.snapshot.paths;
  const trees = new TreeReader(new BlobReader(parts.repository, parts.index));
  const snapshot = new CapturedSnapshot(parts, trees, path ?? "/");
  return Object.assign(snapshot, { facts: await snapshot.readFacts(options) });
}

class CapturedSnapshot implements Omit<CapturedTree, "facts"> {
  readonly #parts: Parts;
  readonly #trees: TreeReader;
  readonly #root: string;

  constructor(parts: Parts, trees: TreeReader, root: string) {
    this.#parts = parts;
    this.#trees = trees;
    this.#root = root;
  }

  async list(folder: string | undefined, options: CallOptions): Promise<readonly CapturedEntry[]> {
    const found = await this.#find(folder, options);
    if (found.kind !== "tree") throw this.#damaged(folder, "it is no folder");
    const nodes = await this.#trees.load(found.id, options);
    const prefix = folder === undefined ? "" : `${folder}/`;
    return nodes.map(({ name, type, size }) => ({ path: prefix + name, type: entryType(type), sizeBytes: size }));
  }

  async *read(path: string, options: CallOptions): AsyncGenerator<Uint8Array> {
    yield* dumpFile(this.#parts.repository, this.#parts.index, await this.#file(path, options), options);
  }

  async extract(path: string | undefined, folder: string, { signal, only }: ExtractOptions): Promise<void> {
    const found = await this.#find(path, { signal });
    const root = found.kind === "tree" ? found.id : found.node;
    const { repository, index } = this.#parts;
    const paths = only === undefined ? {} : { paths: only };
    const options = { target: folder, verify: true, sparse: true, signal, ...paths };
    const restore = new Restore(repository, index, root, options);
    const { problems, problemCounts } = await restore.run();
    const [first] = problems;
    if (first === undefined) return;
    const count = Object.values(problemCounts).reduce((sum, each) => sum + each, 0);
    throw this.#damaged(first.path, `${first.reason}${count > 1 ? ` (and ${count - 1} more)` : ""}`);
  }

  async spotCheck(path: string, { signal, ...options }: SpotCheckRequest): Promise<SpotCheckResult> {
    const found = await this.#find(path, { signal });
    if (found.kind !== "tree") throw this.#damaged(path, "it is no folder");
    const { repository, index } = this.#parts;
    return spotCheck(repository, { ...options, index, tree: found.id, signal });
  }

  async readFacts(options: CallOptions): Promise<StoredFacts> {
    const node = await this.#file(FACTS_FILE, options);
    if (node.size > MAX_FACTS_BYTES) throw this.#damaged(FACTS_FILE, `it has ${node.size} bytes`);
    const parts: Uint8Array[] = [];
    const { repository, index } = this.#parts;
    for await (const part of dumpFile(repository, index, node, options)) parts.push(part);
    return decodeFacts(Buffer.concat(parts));
  }

  async #file(path: string, options: CallOptions): Promise<TreeNode> {
    const found = await this.#find(path, options);
    if (found.kind === "tree" || found.node.type !== "file") throw this.#damaged(path, "it is no file");
    return found.node;
  }

  async #find(path: string | undefined, options: CallOptions): Promise<PathTarget> {
    const whole = path === undefined ? this.#root : `${this.#root}/${path}`;
    try {
      return await resolvePath(this.#trees, this.#parts.snapshot.tree, whole, options);
    } catch (error) {
      if (!isHoldfastError(error, "ENGINE_PATH_NOT_FOUND")) throw error;
      throw this.#damaged(path, "it is not there", error);
    }
  }

  #damaged(path: string | undefined, reason: string, cause?: unknown): Error {
    return sourcesError("SOURCES_DAMAGED", { what: path ?? this.#root, reason }, cause);
  }
}

function entryType(type: TreeNode["type"]): CapturedEntry["type"] {
  if (type === "dir") return "folder";
  return type === "file" || type === "symlink" ? type : "other";
}
