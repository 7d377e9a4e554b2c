/** What a capture has left in a snapshot of a repository. */
import { isHoldfastError } from "@holdfast/base";
import {
  type BlobIndex,
  BlobReader,
  type CopyDamage,
  type PathTarget,
  type Repository,
  Restore,
  type RestoreOptions,
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

export interface SnapshotParts {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly snapshot: Snapshot;
}

/** Where else a folder is restored from when this repository fails. */
export type ExtractCopies = Pick<RestoreOptions, "standby" | "copy" | "onChange">;

/** @throws SOURCES_DAMAGED when the snapshot holds no capture, and what reading the repository throws */
export async function openCaptured(parts: SnapshotParts, options: CallOptions): Promise<CapturedTree> {
  const snapshot = new CapturedSnapshot(parts);
  return Object.assign(snapshot, { facts: await snapshot.readFacts(options) });
}

/** A capture as one repository has it. */
export class CapturedSnapshot implements Omit<CapturedTree, "facts"> {
  readonly #parts: SnapshotParts;
  readonly #trees: TreeReader;
  readonly #root: string;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    this.#trees = new TreeReader(new BlobReader(parts.repository, parts.index));
    this.#root = parts.snapshot.paths[0] ?? "/";
  }

  async list(folder: string | undefined, options: CallOptions): Promise<readonly CapturedEntry[]> {
    const found = await this.find(folder, options);
    if (found.kind !== "tree") throw this.#damaged(folder, "it is no folder");
    const nodes = await this.#trees.load(found.id, options);
    const prefix = folder === undefined ? "" : `${folder}/`;
    return nodes.map(({ name, type, size }) => ({ path: prefix + name, type: entryType(type), sizeBytes: size }));
  }

  /** @param options `offset`: where to begin, in bytes */
  async *read(path: string, options: CallOptions & { readonly offset?: number }): AsyncGenerator<Uint8Array> {
    yield* dumpFile(this.#parts.repository, this.#parts.index, await this.#file(path, options), options);
  }

  async extract(path: string | undefined, folder: string, options: ExtractOptions): Promise<void> {
    await this.extractFound(await this.find(path, options), folder, options);
  }

  /**
   * @param found by `find`, in this repository or in another that has the same
   * @returns what was damaged in one repository and came from another
   * @throws SOURCES_DAMAGED
   */
  async extractFound(
    found: PathTarget,
    folder: string,
    { signal, only, ...copies }: ExtractOptions & ExtractCopies,
  ): Promise<readonly CopyDamage[]> {
    const root = found.kind === "tree" ? found.id : found.node;
    const { repository, index } = this.#parts;
    const paths = only === undefined ? {} : { paths: only };
    const options = { target: folder, verify: true, sparse: true, signal, ...paths, ...copies };
    const restore = new Restore(repository, index, root, options);
    const { problems, problemCounts, damages } = await restore.run();
    const [first] = problems;
    if (first === undefined) return damages;
    const count = Object.values(problemCounts).reduce((sum, each) => sum + each, 0);
    throw this.#damaged(first.path, `${first.reason}${count > 1 ? ` (and ${count - 1} more)` : ""}`);
  }

  async spotCheck(path: string, { signal, ...options }: SpotCheckRequest): Promise<SpotCheckResult> {
    const found = await this.find(path, { signal });
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
    const found = await this.find(path, options);
    if (found.kind === "tree" || found.node.type !== "file") throw this.#damaged(path, "it is no file");
    return found.node;
  }

  /** What lies at a path of the capture; its own folder without one. @throws SOURCES_DAMAGED when it is not there */
  async find(path: string | undefined, options: CallOptions): Promise<PathTarget> {
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
