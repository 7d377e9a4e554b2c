/** Notices a repository that was put back to an older state: what was the newest snapshot is gone, and there is none that is newer. */
import { isHoldfastError } from "@holdfast/base";
import { type Id, type Repository, type StoredSnapshot, groupKey, listForgotten } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { formatLocalTime, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { type SeenSnapshot, recall, remember } from "./seen-file.ts";

type Noticing = Pick<CommandContext, "output" | "signal" | "variables">;

/** By what snapshots belong to one source. */
function sourceOf({ snapshot }: Pick<StoredSnapshot, "snapshot">): string {
  return groupKey(snapshot, ["host", "paths"]);
}

const ADVICE =
  "Was the place put back to an older state, or was it removed by name? Look at `holdfast snapshots`, and compare with a second copy before anything is removed there";

/**
 * Before a backup: warns when the newest snapshot that this machine knows of a source is gone and all that are left are older.
 * @param there all snapshots of the repository
 */
export async function noticeLostHistory(
  context: Noticing,
  repository: Repository,
  there: readonly StoredSnapshot[],
): Promise<void> {
  const seen = await recall(context, repository.config.id);
  const ids = new Set<Id>(there.map(({ id }) => id));
  const newest = newestOf(there);
  const gone = (seen?.newest ?? []).filter(({ source, id, timeNs }) => {
    const left = newest.get(source);
    return !ids.has(id) && (left === undefined || left.snapshot.timeNs < timeNs);
  });
  if (gone.length === 0) return;
  const forgotten = await forgottenNames(repository, context);
  for (const { source, id, timeNs } of gone.filter((each) => !forgotten.has(each.id))) {
    const left = newest.get(source);
    const rest = left === undefined ? "none is left" : `the newest that is left is ${dated(left)}`;
    context.output.warn(
      `snapshot ${shortId(id)} of ${formatLocalTime(timeNs)}, which was the newest of this source, is gone, and ${rest}. ${ADVICE}`,
      { during: "backup", item: id },
    );
  }
}

/** After a backup. */
export async function noteSnapshot(
  context: Noticing,
  repository: Repository,
  made: SeenSnapshot,
  there: readonly StoredSnapshot[],
): Promise<void> {
  const { config, keyIds } = repository;
  const seen = await recall(context, config.id);
  const last = newestOf(there).get(made.source);
  const newest: SeenSnapshot =
    last === undefined || last.snapshot.timeNs <= made.timeNs
      ? made
      : { source: made.source, id: last.id, timeNs: last.snapshot.timeNs };
  const others = (seen?.newest ?? []).filter(({ source }) => source !== made.source);
  await remember(context, config.id, { keys: keyIds, ...seen, atMs: Date.now(), newest: [newest, ...others] });
}

/**
 * Before a copy: warns when the target has newer copies of a source than the repository that they came from, or copies of one that has
 * no snapshots any more. What is gone there stays in the target, whatever the reason.
 */
export async function noticeLostSource(
  { output, signal }: Pick<CommandContext, "output" | "signal">,
  from: Repository,
  source: readonly StoredSnapshot[],
  target: readonly StoredSnapshot[],
): Promise<void> {
  const newest = newestOf(source);
  const ids = new Set<Id>(source.map(lastingId));
  const ahead = target.filter((each) => {
    if (each.snapshot.original === undefined || ids.has(lastingId(each))) return false;
    const left = newest.get(sourceOf(each));
    return left === undefined ? source.length === 0 : left.snapshot.timeNs < each.snapshot.timeNs;
  });
  if (ahead.length === 0) return;
  const forgotten = await forgottenNames(from, { signal });
  const lost = ahead.filter((each) => !forgotten.has(lastingId(each)));
  const last = lost.at(-1);
  if (last === undefined) return;
  const left = newest.get(sourceOf(last));
  const rest = left === undefined ? "it has no snapshot at all" : `its newest of that source is ${dated(left)}`;
  output.warn(
    `the other repository has lost ${plural(lost.length, "snapshot")} that ${lost.length === 1 ? "is" : "are"} here, up to ${dated(last)}: ${rest}. Nothing was removed here. ${ADVICE}`,
    { during: "copy", item: last.id },
  );
}

function newestOf(snapshots: readonly StoredSnapshot[]): Map<string, StoredSnapshot> {
  const newest = new Map<string, StoredSnapshot>();
  for (const each of snapshots) {
    const known = newest.get(sourceOf(each));
    if (known === undefined || known.snapshot.timeNs <= each.snapshot.timeNs) newest.set(sourceOf(each), each);
  }
  return newest;
}

/**
 * The ids of what was forgotten in the usual way, and those of the snapshots that these were made of; none when that cannot be found
 * out, so that the warning comes.
 */
async function forgottenNames(repository: Repository, { signal }: { signal: AbortSignal }): Promise<ReadonlySet<Id>> {
  const forgotten = await listForgotten(repository, { signal, onDamaged: () => {} }).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!isHoldfastError(error)) throw error;
    return [];
  });
  return new Set(forgotten.flatMap((each) => [each.id, lastingId(each)]));
}

function lastingId({ id, snapshot }: Pick<StoredSnapshot, "id" | "snapshot">): Id {
  return snapshot.original ?? id;
}

function dated({ id, snapshot }: StoredSnapshot): string {
  return `${shortId(id)} of ${formatLocalTime(snapshot.timeNs)}`;
}
