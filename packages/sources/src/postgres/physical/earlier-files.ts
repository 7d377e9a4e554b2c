/** Files of an earlier base backup that have not changed since: they are taken over, and not read again. */
import { isHoldfastError } from "@holdfast/base";
import {
  type AlreadyStored,
  BlobReader,
  type StoredSnapshot,
  type TreeNode,
  TreeReader,
  resolvePath,
} from "@holdfast/engine";
import { captureFolder } from "../../contract/capture-folder.ts";
import type { CallOptions } from "../../contract/source.ts";
import { openCaptured } from "../../snapshot/captured-snapshot.ts";
import { POSITION, physicalDetailOf } from "./physical-facts.ts";

/** Clocks of file systems are coarser than the one that backups look at, and may go apart from it. */
const MARGIN_MS = 10_000;

/** What tells one state of a file from another. */
export interface FileState {
  readonly size: number;
  readonly mtimeNs: bigint;
}

export class EarlierFiles {
  readonly #trees: TreeReader;
  readonly #root: string;
  readonly #snapshot: StoredSnapshot;
  /** What was changed after this may have been changed again after it was read, at the same time by the clock of its file system. */
  readonly #settledNs: bigint;
  readonly #folders = new Map<string, Promise<ReadonlyMap<string, TreeNode>>>();
  readonly #isStored: (node: TreeNode) => boolean;

  private constructor(
    trees: TreeReader,
    root: string,
    snapshot: StoredSnapshot,
    settledNs: bigint,
    isStored: (node: TreeNode) => boolean,
  ) {
    this.#trees = trees;
    this.#root = root;
    this.#snapshot = snapshot;
    this.#settledNs = settledNs;
    this.#isStored = isStored;
  }

  /**
   * The newest base backup of the same cluster on the same timeline, made on this host; `undefined` without one.
   * @throws what reading the repository throws, but damage
   */
  static async of(
    { repository, index, snapshots }: AlreadyStored,
    { name, hostname, stream, timeline }: { name: string; hostname: string; stream: string; timeline: number },
    options: CallOptions,
  ): Promise<EarlierFiles | undefined> {
    const root = captureFolder("postgres", name);
    const newest = snapshots.findLast(
      ({ snapshot }) => snapshot.paths.length === 1 && snapshot.paths[0] === root && snapshot.hostname === hostname,
    );
    if (newest === undefined) return undefined;
    try {
      const { facts } = await openCaptured({ repository, index, snapshot: newest.snapshot }, options);
      const isSame =
        facts.position[POSITION.stream] === stream && facts.position[POSITION.timeline] === String(timeline);
      if (!isSame) return undefined;
      const settledNs = BigInt(Math.floor(physicalDetailOf(facts).beganAtMs - MARGIN_MS)) * 1_000_000n;
      const has = (id: string): boolean => index.has("data", Buffer.from(id, "hex"), 0);
      const isStored = ({ content }: TreeNode): boolean => content?.every(has) ?? false;
      return new EarlierFiles(new TreeReader(new BlobReader(repository, index)), root, newest, settledNs, isStored);
    } catch (error) {
      options.signal.throwIfAborted();
      // A dump, or a damaged one: everything is read.
      if (isHoldfastError(error) && error.kind === "corrupt") return undefined;
      throw error;
    }
  }

  /** The stored node of a file that is as it was. @param path in the capture */
  async unchanged(path: string, { size, mtimeNs }: FileState, options: CallOptions): Promise<TreeNode | undefined> {
    if (mtimeNs >= this.#settledNs) return undefined;
    const slash = path.lastIndexOf("/");
    const node = (await this.#folder(path.slice(0, slash), options)).get(path.slice(slash + 1));
    const isSame = node?.type === "file" && node.size === size && node.mtimeNs === mtimeNs;
    return isSame && this.#isStored(node) ? node : undefined;
  }

  #folder(path: string, options: CallOptions): Promise<ReadonlyMap<string, TreeNode>> {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const loading = this.#load(path, options);
    this.#folders.set(path, loading);
    return loading;
  }

  async #load(path: string, options: CallOptions): Promise<ReadonlyMap<string, TreeNode>> {
    try {
      const found = await resolvePath(this.#trees, this.#snapshot.snapshot.tree, `${this.#root}/${path}`, options);
      const nodes = found.kind === "tree" ? await this.#trees.load(found.id, options) : [];
      return new Map(nodes.map((node) => [node.name, node]));
    } catch (error) {
      options.signal.throwIfAborted();
      if (isHoldfastError(error) && (error.kind === "corrupt" || error.kind === "not-found")) return new Map();
      throw error;
    }
  }
}
