/** `holdfast diff`: what changed between two snapshots, or between a snapshot and the live files. */
import {
  BlobReader,
  type DiffProblem,
  type Id,
  type LiveProblem,
  type StoredSnapshot,
  TreeReader,
  diffLive,
  diffTrees,
  displayPath,
  findSnapshot,
  loadIndex,
  resolvePath,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { livePairs } from "../diff/live-pairs.ts";
import { changePrinter, reportLiveDiff, reportTreeDiff } from "../diff/report.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { type Session, withSession } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";
import { shortId } from "../snapshot-json.ts";
import { patternOptions } from "../values/pattern-options.ts";

interface Found {
  readonly stored: StoredSnapshot;
  readonly subfolder: string;
}

export const run: RunCommand = async (context) => {
  const isLive = context.options.flag("live");
  checkUsage(context, isLive);
  return withSession(context, (session) =>
    session.locked("look", (signal) =>
      isLive ? compareLive(context, session, signal) : compareSnapshots(context, session, signal),
    ),
  );
};

/** @throws CLI_USAGE */
function checkUsage({ options, args }: CommandContext, isLive: boolean): void {
  const usage = (problem: string): Error => cliError("CLI_USAGE", { problem, help: "holdfast help diff" });
  if (isLive) return;
  if (args.length !== 2) throw usage("give two snapshots, or one and --live");
  for (const name of ["content", "exclude", "iexclude", "exclude-file", "iexclude-file"]) {
    if (options.count(name) > 0) throw usage(`--${name} is for --live`);
  }
}

async function compareSnapshots(context: CommandContext, session: Session, signal: AbortSignal): Promise<number> {
  const { args, options, output } = context;
  const { repository } = session;
  const source = await find(context, session, args[0] as string, signal);
  const target = await find(context, session, args[1] as string, signal);
  const index = await loadIndex(repository, { signal });
  const trees = new TreeReader(new BlobReader(repository, index));
  const sides = {
    from: await folderOf(trees, source, signal),
    to: await folderOf(trees, target, signal),
  };
  output.message(`comparing snapshot ${shortId(source.stored.id)} with ${shortId(target.stored.id)}:`);
  let problems = 0;
  const onProblem = ({ path, error }: DiffProblem): void => {
    problems++;
    const where = path === undefined ? "" : `${displayPath(path)}: `;
    output.warn(`${where}${safeText(error.message)}`, {
      during: "diff",
      ...(path === undefined ? {} : { item: path }),
    });
  };
  const diff = await diffTrees(repository, index, sides, {
    signal,
    metadata: options.flag("metadata"),
    onChange: changePrinter(output),
    onProblem,
  });
  reportTreeDiff(diff, output, { source: nameOf(source), target: nameOf(target) });
  return problems > 0 ? EXIT.damage : EXIT.ok;
}

async function compareLive(context: CommandContext, session: Session, signal: AbortSignal): Promise<number> {
  const { args, options, output } = context;
  const { repository } = session;
  const [text = "", ...paths] = args;
  const excludes = await patternOptions(context, "exclude");
  const source = await find(context, session, text, signal);
  const index = await loadIndex(repository, { signal });
  const trees = new TreeReader(new BlobReader(repository, index));
  const pairs = await livePairs(trees, { ...source, paths }, { signal });
  output.message(`comparing snapshot ${shortId(source.stored.id)} with what is there now:`);
  const problems = { snapshot: 0, live: 0 };
  const onProblem = ({ path, reason, side }: LiveProblem): void => {
    problems[side]++;
    output.warn(`${displayPath(path)}: ${safeText(reason)}`, { during: "diff", item: path });
  };
  const diff = await diffLive(repository, index, pairs, {
    signal,
    metadata: options.flag("metadata"),
    content: options.flag("content"),
    excludes,
    onChange: changePrinter(output),
    onProblem,
  });
  reportLiveDiff(diff, output, { source: nameOf(source), paths: pairs.map(({ path }) => path) });
  if (problems.snapshot > 0) return EXIT.damage;
  return problems.live > 0 ? EXIT.incomplete : EXIT.ok;
}

function find({ options }: CommandContext, { repository }: Session, text: string, signal: AbortSignal): Promise<Found> {
  return findSnapshot(repository, text, { signal, filter: snapshotFilter(options) });
}

/** @throws CLI_NOT_A_FOLDER */
async function folderOf(trees: TreeReader, { stored, subfolder }: Found, signal: AbortSignal): Promise<Id> {
  const place = await resolvePath(trees, stored.snapshot.tree, subfolder, { signal });
  if (place.kind === "tree") return place.id;
  throw cliError("CLI_NOT_A_FOLDER", { what: `'${displayPath(subfolder)}'` });
}

function nameOf({ stored, subfolder }: Found): string {
  return subfolder === "" ? stored.id : `${stored.id}:${subfolder}`;
}
