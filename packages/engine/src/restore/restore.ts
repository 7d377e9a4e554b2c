/**
 * Restores a snapshot, or a part of one, into a folder (restic: doc/050_restore.rst).
 *
 * - Nothing is written outside the target, whatever a tree says or stands in the target (see `anchored-folder.ts`).
 * - Where files exist, only blobs that differ are read from the repository and written.
 * - A file whose content is damaged is reported. A new one is not left behind. What stood there before stays as it is if the
 *   file is small; one of 2 MiB and more may have parts of the new content, without the snapshot's time of modification, or
 *   be gone if it could not be written into.
 * - Files and folders are for their owner only until they are complete.
 */
import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, realpathSync, unlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import { posix } from "node:path";
import { systemCode } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { decodePath, displayPath, fsPath } from "../filesystem/path-bytes.ts";
import type { Id } from "../format/id.ts";
import { encodeNode, type TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { needsWarmUp, warmPacks } from "../packs/warm-packs.ts";
import { wantedPacks } from "./wanted-packs.ts";
import { systemReason } from "../platform/libc.ts";
import type { Repository } from "../repository/repository.ts";
import { Counters } from "../workers/counters.ts";
import { AnchoredFolder, hasProc, whereIs } from "./anchored-folder.ts";
import { startAhead } from "../workers/started-threads.ts";
import type { CopyChange, CopyDamage } from "./copies.ts";
import { Coordinator, RESTORE_WORKER } from "./coordinator.ts";
import type { OpenedCopy, StandbyCopy } from "./copy-reader.ts";
import {
  RESTORE_COUNTERS,
  type Overwrite,
  type RestoreCounts,
  type RestoreEntry,
  type RestoreRules,
} from "./messages.ts";
import { ProblemList, type RestoreProblem } from "./problems.ts";
import { RestoreSelection, type PatternLines } from "./selection.ts";

export interface RestoreOptions {
  /** Absolute path of the folder to restore into, surrogate-escaped. It is made if it does not exist. */
  readonly target: string;
  /** Only what one of these patterns matches. Paths begin with "/", which is the root of what is restored. */
  readonly include?: readonly PatternLines[];
  /** Without what these match. */
  readonly exclude?: readonly PatternLines[];
  /** Only exactly these paths and what is below them. */
  readonly paths?: readonly string[];
  /**
   * What may happen to what the target has already:
   * - `always` (default): corrected wherever it differs
   * - `if-changed`: as `always`, but a file of the same size and time of modification is taken to have the same content
   * - `if-newer`: only if the snapshot's time of modification is later
   * - `never`: nothing that exists is touched, save the metadata of folders
   */
  readonly overwrite?: Overwrite;
  /** Remove what restored folders have and the snapshot does not, as far as it is selected. */
  readonly delete?: boolean;
  /** Read everything that was restored again and compare it. Not together with `dryRun`. */
  readonly verify?: boolean;
  /** Leave long runs of zero bytes in new files as holes. */
  readonly sparse?: boolean;
  /** Change nothing, count what would be done. */
  readonly dryRun?: boolean;
  /** Restore owner and group. Default: try, and do not complain when this process may not. */
  readonly owner?: boolean;
  /** Worker threads; default: one for each core, from 2 to 8. */
  readonly workers?: number;
  /** Paths inside the target, beginning with "/", that are neither written nor deleted, whatever the snapshot has there. */
  readonly spare?: readonly string[];
  /** Other copies of what is restored: they give what this one has lost, and the restore goes on from them. In order of preference. */
  readonly standby?: readonly StandbyCopy[];
  /** What is known of the first copy besides. */
  readonly copy?: Pick<OpenedCopy, "signal" | "pace">;
  /** After how long without a byte a copy is left, where there is another; milliseconds. Default: 20 s. */
  readonly haltMs?: number;
  /** Aborts within about a second. Files that are not complete are removed. */
  readonly signal: AbortSignal;
  /** The restore goes on from another copy. */
  onChange?(change: CopyChange): void;
  onProblem?(problem: RestoreProblem): void;
  /** Called for everything that is handled, in no certain order. Costs time for each entry. */
  onEntry?(entry: RestoreEntry): void;
}

export interface RestoreProgress {
  readonly phase: "starting" | "restoring" | "verifying" | "done";
  /** `filesTotal` and `bytesTotal` grow as folders are read. */
  readonly counts: RestoreCounts;
  readonly problems: number;
}

export interface RestoreResult {
  readonly counts: RestoreCounts;
  /** The first 1000. */
  readonly problems: readonly RestoreProblem[];
  readonly problemCounts: Readonly<Partial<Record<RestoreProblem["code"], number>>>;
  readonly durationMs: number;
  /** What was damaged in copies and came from others. */
  readonly damages: readonly CopyDamage[];
  /** How often the restore went on from another copy. */
  readonly changes: number;
}

const MIN_WORKERS = 2;
const MAX_WORKERS = 8;

export class Restore {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #root: Id | TreeNode;
  readonly #options: RestoreOptions;
  readonly #counters = Counters.create(RESTORE_COUNTERS);
  readonly #problems = new ProblemList();
  #changes = 0;
  #phase: RestoreProgress["phase"] = "starting";

  /** @param root a tree, or one node: a folder, whose content is restored, or another entry, which goes into the target */
  constructor(repository: Repository, index: BlobIndex, root: Id | TreeNode, options: RestoreOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#root = root;
    this.#options = options;
  }

  /**
   * Starts the threads of a restore that is about to come, while the repository is still being opened. Only saves time.
   * @param workers as in `RestoreOptions`
   */
  static startThreads(workers?: number): void {
    startAhead(RESTORE_WORKER, threadsFor(workers));
  }

  progress(): RestoreProgress {
    return { phase: this.#phase, counts: this.#counters.read(), problems: this.#problems.count };
  }

  /**
   * May be called once. What goes wrong with single entries is in the result's problems.
   * @throws ENGINE_PATTERN_INVALID, ENGINE_TARGET_UNUSABLE, ENGINE_DELETE_EVERYTHING, ENGINE_TARGET_FULL, what the backend
   *   throws when the store is out of reach, and the signal's reason
   */
  async run(): Promise<RestoreResult> {
    const started = performance.now();
    const { signal, verify = false, dryRun = false } = this.#options;
    signal.throwIfAborted();
    const target = this.#prepareTarget();
    const coordinator = new Coordinator({
      first: { ...this.#options.copy, repository: this.#repository, index: this.#index },
      standby: this.#options.standby ?? [],
      root: treeOf(this.#root),
      haltMs: this.#options.haltMs,
      workers: threadsFor(this.#options.workers),
      workerData: {
        counters: this.#counters.shared,
        target: target.path,
        rules: this.#rules(),
        noteUntouched: verify && !dryRun,
      },
      signal,
      onProblem: (problem) => {
        this.#problems.add(problem);
        this.#options.onProblem?.(problem);
      },
      onChange: (change) => {
        this.#changes++;
        this.#options.onChange?.(change);
      },
      onEntry: (entry) => this.#options.onEntry?.(entry),
    });
    try {
      coordinator.start();
      await this.#warmUp();
      const root = rootOf(this.#root);
      this.#phase = "restoring";
      await coordinator.restore(root, target.isEmpty);
      if (verify && !dryRun) {
        this.#phase = "verifying";
        await coordinator.verify(root);
      }
    } finally {
      await coordinator.stop();
      removeIncomplete(target.path, coordinator);
    }
    this.#phase = "done";
    const { kept: problems, counts: problemCounts } = this.#problems;
    return {
      counts: this.#counters.read(),
      problems,
      problemCounts,
      durationMs: performance.now() - started,
      damages: coordinator.damages,
      changes: this.#changes,
    };
  }

  async #warmUp(): Promise<void> {
    const { signal, dryRun = false } = this.#options;
    if (dryRun || !needsWarmUp(this.#repository)) return;
    const { selection } = this.#rules();
    const packs = await wantedPacks(this.#repository, this.#index, { root: this.#root, selection, signal });
    await warmPacks(this.#repository, packs, { signal });
  }

  #rules(): RestoreRules {
    const { include = [], exclude = [], paths, spare = [], overwrite = "always", owner, onEntry } = this.#options;
    return {
      selection: { includes: include, excludes: exclude, paths, spared: spare },
      overwrite,
      delete: this.#options.delete ?? false,
      sparse: this.#options.sparse ?? false,
      dryRun: this.#options.dryRun ?? false,
      owner,
      reportEntries: onEntry !== undefined,
    };
  }

  /** Makes the target if need be and finds out where it really is. */
  #prepareTarget(): { path: string; isEmpty: boolean } {
    const { target, dryRun = false } = this.#options;
    const rules = this.#rules();
    const selectsAll = new RestoreSelection(rules.selection).isAll;
    try {
      if (!target.startsWith("/")) throw new Error("it is not an absolute path");
      if (!dryRun) makeWithParents(target);
      else if (!existsSync(fsPath(target))) return { path: withoutSlash(target), isEmpty: true };
      const path = withoutSlash(realPathOf(target));
      if (path === "" && rules.delete && selectsAll) throw engineError("ENGINE_DELETE_EVERYTHING");
      return { path, isEmpty: readdirSync(fsPath(target), "buffer").length === 0 };
    } catch (error) {
      if (!(error instanceof Error) || "kind" in error) throw error;
      throw engineError("ENGINE_TARGET_UNUSABLE", { target: displayPath(target), reason: systemReason(error) }, error);
    }
  }
}

function threadsFor(workers: number | undefined): number {
  return workers ?? Math.max(MIN_WORKERS, Math.min(MAX_WORKERS, availableParallelism()));
}

/** One folder after the other: Node's own way to do so says "not found" on a read-only file system. */
function makeWithParents(path: string): void {
  try {
    makeFolder(path);
  } catch (error) {
    const parent = posix.dirname(path);
    if (systemCode(error) !== "ENOENT" || parent === path) throw error;
    makeWithParents(parent);
    makeFolder(path);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(fsPath(path), { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

function realPathOf(target: string): string {
  const real = decodePath(realpathSync.native(fsPath(target), { encoding: "buffer" }));
  if (!lstatSync(fsPath(real)).isDirectory()) throw new Error("it is not a folder");
  if (!hasProc()) return real;
  const file = openSync(fsPath(real), "r");
  try {
    // How the system names open folders may differ, in containers for example; folders below are compared with that.
    return whereIs(file);
  } finally {
    closeSync(file);
  }
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, "");
}

function treeOf(root: Id | TreeNode): Id | undefined {
  if (typeof root === "string") return root;
  return root.type === "dir" ? root.subtree : undefined;
}

function rootOf(root: Id | TreeNode): { tree: Id } | { bytes: ArrayBuffer } {
  const tree = treeOf(root);
  if (tree !== undefined) return { tree };
  return { bytes: new TextEncoder().encode(`{"nodes":[${encodeNode(root as TreeNode)}]}`).buffer };
}

/** Removes large new files that an abort left without their whole content. */
function removeIncomplete(target: string, coordinator: Coordinator): void {
  for (const { folder, file } of coordinator.incompleteFiles) {
    try {
      const anchor = AnchoredFolder.open(target + folder.ref.path);
      try {
        unlinkSync(fsPath(anchor.at(file.name)));
      } finally {
        anchor.close();
      }
    } catch {
      // The restore is failing already, with a better reason than this one.
    }
  }
}
