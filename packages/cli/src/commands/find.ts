/** `holdfast find`: searches snapshots. */
import { messageOf } from "@holdfast/base";
import {
  type BlobIndex,
  type FindProblem,
  type FindQuery,
  Find,
  type Repository,
  displayPath,
  loadIndex,
  placesOfBlob,
  queryForBlobs,
  queryForPacks,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { EXIT } from "../exit.ts";
import { type Search, searchOf, snapshotsToSearch } from "../find/options.ts";
import { printPacks } from "../find/packs.ts";
import { findReport } from "../find/report.ts";
import type { Output } from "../output/output.ts";
import { plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = async (context) => {
  const search = searchOf(context);
  return withSession(
    context,
    (session) => session.locked("look", (signal) => find(context, session.repository, search, signal)),
    { whileOpening: () => Find.startThreads(search.kind === "names" ? search : undefined) },
  );
};

async function find(
  { options, output }: CommandContext,
  repository: Repository,
  search: Search,
  signal: AbortSignal,
): Promise<number> {
  let problems = 0;
  const warn = (text: string, item: string): void => {
    problems++;
    output.warn(text, { during: "find", item });
  };
  const snapshots = await snapshotsToSearch(repository, options, {
    signal,
    onDamaged: (id, error) => warn(`snapshot ${id} cannot be read: ${messageOf(error)}`, id),
  });
  const index = await loadIndex(repository, { signal });
  const query = await queryOf(search, repository, index, signal);
  const objects = query.kind === "blobs";
  const onProblem = ({ snapshot, path, error }: FindProblem): void =>
    warn(`${displayPath(path)} in snapshot ${shortId(snapshot)}: ${messageOf(error)}`, path);
  const { json } = output.settings;
  const withNodes = !objects && (json || options.flag("long"));
  const showPacks = options.flag("show-pack-id");
  const report = findReport(output, {
    objects,
    long: options.flag("long"),
    units: options.flag("human-readable"),
    packsOf: showPacks ? ({ type, id }) => placesOfBlob(index, type, id).map(({ pack }) => pack) : undefined,
  });
  let isAnythingFound = false;
  for await (const batch of new Find(repository, index, { query, withNodes, signal, onProblem }).run(snapshots)) {
    isAnythingFound = true;
    report.add(batch);
    await flushed(output, signal);
  }
  report.end();
  if (!isAnythingFound) output.message(`nothing was found in ${plural(snapshots.length, "snapshot")}`);
  if (objects && showPacks && !json) printPacks(query, index, output);
  return problems > 0 ? EXIT.damage : EXIT.ok;
}

async function queryOf(
  search: Search,
  repository: Repository,
  index: BlobIndex,
  signal: AbortSignal,
): Promise<FindQuery> {
  if (search.kind === "names") return search;
  if (search.kind === "pack") return queryForPacks(repository, index, search.texts, { signal });
  return queryForBlobs(index, search.kind === "blob" ? "data" : "tree", search.texts);
}

/** Waits for whoever reads the output, so that a search is not ahead of it by more than a batch. */
async function flushed(output: Output, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([output.flush(), promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
