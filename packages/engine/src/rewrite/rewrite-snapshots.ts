/**
 * Rewrites snapshots: leaves entries out, changes metadata. All new trees are stored first, then all new snapshots, and only then
 * are old ones forgotten, which can be undone as long as `prune` keeps their data. Cut off anywhere, it can be run again.
 */
import { isHoldfastError, messageOf, type HoldfastError } from "@holdfast/base";
import { isDamageError } from "../browse/damage.ts";
import { TreeSource } from "../diff/tree-source.ts";
import { forgetSnapshots } from "../forget/forgotten.ts";
import { heldError, holdsOf, listHolds, type Hold } from "../forget/holds.ts";
import { formatGoTime } from "../format/go-time.ts";
import { idToBytes, type Id } from "../format/id.ts";
import { encodeSnapshot, type SnapshotFields } from "../format/snapshot.ts";
import type { SnapshotSummary } from "../format/snapshot-summary.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobWriter, type PackSettings } from "../repair/blob-writer.ts";
import type { DamagedFile } from "../repair/index-files.ts";
import { loadIndex } from "../repository/load-index.ts";
import type { Repository } from "../repository/repository.ts";
import {
  listSnapshots,
  matches,
  saveSnapshot,
  type SnapshotFilter,
  type StoredSnapshot,
} from "../repository/snapshots.ts";
import { allBut, EVERYTHING, only, type PathChoice, type PatternLines } from "./path-choice.ts";
import type { RewrittenTree } from "./known-results.ts";
import { TreeRewriter, type RewriteCounts } from "./rewrite-trees.ts";

/** The tag of new snapshots that stand beside the old ones. */
export const REWRITE_TAG = "rewrite";

/** What is to be changed. */
export interface RewriteRequest {
  /** What is left out. Not together with `include`. */
  readonly exclude: readonly PatternLines[];
  /** What alone stays. */
  readonly include: readonly PatternLines[];
  readonly hostname: string | undefined;
  readonly timeNs: bigint | undefined;
  /** Count the files, and write that into the snapshot. */
  readonly summary: boolean;
}

export interface RewriteOptions extends PackSettings {
  readonly signal: AbortSignal;
  /** Only these snapshots; all that match the filter when absent. */
  readonly ids?: readonly Id[];
  readonly filter?: SnapshotFilter;
  /** Forget each old snapshot once all new ones are stored; the new ones then get no tag. */
  readonly forget: boolean;
  /** Store and remove nothing. */
  readonly dryRun: boolean;
  /** Called when it is known what becomes of a snapshot. */
  readonly onSnapshot?: (outcome: SnapshotOutcome, done: number, total: number) => void;
  /** Called for each entry that is left out; of folders that several snapshots share, once. */
  readonly onLeftOut?: (path: string) => void;
}

/**
 * What becomes of a snapshot. `rewritten`: it has a new form. `done`: an earlier run has stored just that form. `unchanged`:
 * nothing in it is to be changed. `empty`: nothing in it would stay, so it is left as it is. `refused`: it cannot be rewritten, or
 * must not go.
 */
export interface SnapshotOutcome {
  readonly kind: "rewritten" | "done" | "unchanged" | "empty" | "refused";
  readonly old: StoredSnapshot;
  /** Its new form, of `rewritten` and `done`. */
  readonly form: SnapshotFields | undefined;
  /** Files that stay, and their bytes; `undefined` when trees were not looked at. */
  readonly files: number | undefined;
  readonly bytes: number | undefined;
  /** Why it was refused. */
  readonly error: Error | undefined;
}

export interface RewriteResult extends RewriteCounts {
  readonly outcomes: readonly SnapshotOutcome[];
  /** New snapshots by the old ones they stand for; empty in a dry run. */
  readonly saved: readonly { readonly old: Id; readonly rewritten: Id }[];
  /** Empty in a dry run. */
  readonly forgotten: readonly Id[];
  /** Snapshot files that cannot be read: what they hold was not rewritten. */
  readonly unreadable: readonly DamagedFile[];
}

/**
 * Rewrites snapshots. The repository must be locked by the caller: exclusively when old ones are forgotten. One snapshot that
 * cannot be rewritten does not keep the others from it.
 * @throws ENGINE_PATTERN_INVALID, ENGINE_HOLD_DAMAGED, damage of the index, and what the backend throws; on abort the signal's reason
 */
export async function rewriteSnapshots(
  repository: Repository,
  request: RewriteRequest,
  options: RewriteOptions,
): Promise<RewriteResult> {
  const { signal, ids, filter, forget, dryRun } = options;
  const choice = choiceOf(request);
  const unreadable: DamagedFile[] = [];
  const onDamaged = (id: Id, error: unknown): number => unreadable.push({ id, reason: messageOf(error) });
  const all = await listSnapshots(repository, { signal, onDamaged });
  const holds = forget ? await listHolds(repository, { signal }) : [];
  const chosen = all.filter(
    ({ id, snapshot }) => (ids?.includes(id) ?? true) && (filter === undefined || matches(snapshot, filter)),
  );
  const work = choice === undefined ? undefined : await treeWork(repository, choice, options);
  const outcomes: SnapshotOutcome[] = [];
  const existing = new Set(all.map(({ snapshot }) => textOf(snapshot)));
  for (const [n, old] of chosen.entries()) {
    const outcome = await outcomeOf(old, { request, rewriter: work?.rewriter, existing, holds, options });
    outcomes.push(outcome);
    options.onSnapshot?.(outcome, n + 1, chosen.length);
  }
  if (!dryRun) await work?.writer.finish();
  const { saved, forgotten } = dryRun ? NOTHING : await replace(repository, outcomes, options);
  const counts = work?.rewriter.counts ?? { treesRead: 0, treesRewritten: 0 };
  return {
    ...counts,
    outcomes,
    saved,
    forgotten,
    unreadable: unreadable.filter(({ id }) => ids?.includes(id) ?? true),
  };
}

const NOTHING = { saved: [], forgotten: [] };

/** `undefined` when trees need not be looked at. */
function choiceOf({ exclude, include, summary }: RewriteRequest): PathChoice | undefined {
  if (include.length > 0) return only(include);
  if (exclude.length > 0) return allBut(exclude);
  return summary ? EVERYTHING : undefined;
}

async function treeWork(
  repository: Repository,
  choice: PathChoice,
  { signal, dryRun, onLeftOut, ...settings }: RewriteOptions,
): Promise<{ rewriter: TreeRewriter; writer: BlobWriter }> {
  const index = await loadIndex(repository, { signal });
  const writer = new BlobWriter(repository, index, { signal, ...settings });
  const store = dryRun ? () => Promise.resolve() : storeIn(index, writer);
  const trees = new TreeSource(repository, index);
  return { rewriter: new TreeRewriter({ trees, choice, store, signal, onLeftOut }), writer };
}

function storeIn(index: BlobIndex, writer: BlobWriter): (id: Id, bytes: Uint8Array) => Promise<void> {
  return async (id, bytes) => {
    // The claim tells what this run has stored already, and what the repository has.
    if (index.claim("tree", idToBytes(id), 0)) await writer.put("tree", bytes);
  };
}

interface Circumstances {
  readonly request: RewriteRequest;
  readonly rewriter: TreeRewriter | undefined;
  /** The snapshots that exist, as their texts. */
  readonly existing: ReadonlySet<string>;
  readonly holds: readonly Hold[];
  readonly options: RewriteOptions;
}

async function outcomeOf(old: StoredSnapshot, circumstances: Circumstances): Promise<SnapshotOutcome> {
  const { request, rewriter, existing, holds, options } = circumstances;
  const none = { old, form: undefined, files: undefined, bytes: undefined, error: undefined };
  let tree: RewrittenTree | undefined;
  try {
    tree = await rewriter?.rewrite(old.snapshot.tree);
  } catch (error) {
    if (options.signal.aborted || !isRefusal(error)) throw error;
    return { ...none, kind: "refused", error };
  }
  const counts = tree === undefined ? none : { ...none, files: tree.files, bytes: tree.bytes };
  if (tree !== undefined && tree.id === undefined) return { ...counts, kind: "empty" };
  const form = newForm(old, tree, request);
  if (textOf(form) === textOf(old.snapshot)) return { ...counts, kind: "unchanged" };
  const held = holdsOf(holds, old);
  if (held.length > 0) return { ...counts, kind: "refused", error: heldError(old.id, held) };
  const marked = { ...form, original: old.id, tags: options.forget ? form.tags : withTag(form.tags) };
  return { ...counts, kind: existing.has(textOf(marked)) ? "done" : "rewritten", form: marked };
}

/** What concerns one snapshot only. */
function isRefusal(error: unknown): error is HoldfastError {
  return isDamageError(error) || isHoldfastError(error, "ENGINE_TREE_NOT_KNOWN");
}

function newForm(
  { snapshot }: StoredSnapshot,
  tree: RewrittenTree | undefined,
  { hostname, timeNs, summary }: RewriteRequest,
): SnapshotFields {
  const newTree = tree?.id ?? snapshot.tree;
  const isCounted = tree !== undefined && (summary || newTree !== snapshot.tree);
  return {
    ...snapshot,
    tree: newTree,
    hostname: hostname ?? snapshot.hostname,
    time: timeNs === undefined ? snapshot.time : formatGoTime(timeNs),
    summary: isCounted ? withTotals(snapshot.summary, tree) : snapshot.summary,
  };
}

/** Of a summary only the totals are told anew: the rest is of the backup that was made. */
function withTotals(summary: SnapshotSummary | undefined, { files, bytes }: RewrittenTree): SnapshotSummary {
  return { ...(summary ?? NO_SUMMARY), totalFilesProcessed: files, totalBytesProcessed: bytes };
}

/** Go's zero time, as restic writes it where a backup wrote no summary. */
const ZERO_TIME = "0001-01-01T00:00:00Z";

const NO_SUMMARY: SnapshotSummary = {
  backupStart: ZERO_TIME,
  backupEnd: ZERO_TIME,
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  dirsNew: 0,
  dirsChanged: 0,
  dirsUnmodified: 0,
  dataBlobs: 0,
  treeBlobs: 0,
  dataAdded: 0,
  dataAddedPacked: 0,
  totalFilesProcessed: 0,
  totalBytesProcessed: 0,
};

function withTag(tags: readonly string[]): readonly string[] {
  return tags.includes(REWRITE_TAG) ? tags : [...tags, REWRITE_TAG];
}

function textOf(snapshot: SnapshotFields): string {
  return Buffer.from(encodeSnapshot(snapshot)).toString("utf8");
}

async function replace(
  repository: Repository,
  outcomes: readonly SnapshotOutcome[],
  { signal, forget }: RewriteOptions,
): Promise<{ saved: { old: Id; rewritten: Id }[]; forgotten: Id[] }> {
  const saved: { old: Id; rewritten: Id }[] = [];
  const superseded: Id[] = [];
  for (const { kind, old, form } of outcomes) {
    if (form === undefined) continue;
    if (kind === "rewritten") saved.push({ old: old.id, rewritten: await saveSnapshot(repository, form, { signal }) });
    superseded.push(old.id);
  }
  if (!forget) return { saved, forgotten: [] };
  await forgetSnapshots(repository, superseded, { signal });
  return { saved, forgotten: superseded };
}
