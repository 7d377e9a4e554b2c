/** `holdfast unforget`: lists forgotten snapshots, and brings them back. */
import { messageOf } from "@holdfast/base";
import {
  type ForgottenSnapshot,
  type Id,
  type Repository,
  type SnapshotLosses,
  findFileId,
  findLosses,
  listForgotten,
  listHolds,
  loadIndex,
  unforgetSnapshots,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { printLosses } from "../forget/print-losses.ts";
import { forgottenJson, forgottenTable } from "../forget/show-forgotten.ts";
import { plural } from "../output/units.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { withSession } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) => {
  requireChoice(context);
  const isListing = context.options.flag("list");
  const mode = isListing ? "look" : context.options.flag("dry-run") ? "read" : "append";
  return withSession(
    context,
    (session) =>
      session.locked(mode, (signal) => {
        const work = isListing ? list : bringBack;
        return work(context, session.repository, signal);
      }),
    // What a cache on this machine still has says nothing of the repository.
    { trustCache: false },
  );
};

/** @throws CLI_USAGE, CLI_OPTIONS_CONFLICT */
function requireChoice({ options, args }: CommandContext): void {
  const isNamed = args.length > 0;
  if (!options.flag("list") && !options.flag("all") && !isNamed) {
    const problem = "say what is to be brought back: snapshots, or --all; --list shows what there is";
    throw cliError("CLI_USAGE", { problem, help: "holdfast unforget --help" });
  }
  if (options.flag("all") && isNamed) {
    const reason = "either all come back, or those that are named";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--all", second: "named snapshots", reason });
  }
}

async function list(context: CommandContext, repository: Repository, signal: AbortSignal): Promise<number> {
  const { output } = context;
  const { found, damaged } = await chosen(context, repository, signal);
  const holds = await listHolds(repository, { signal, onDamaged: () => {} });
  if (output.settings.json) output.printJson(found.map((each) => forgottenJson(each, holds)));
  else if (found.length > 0) for (const line of forgottenTable(found, holds, output.width)) output.print(line);
  else if (damaged === 0) output.message("there are no forgotten snapshots");
  return damaged > 0 ? EXIT.damage : EXIT.ok;
}

async function bringBack(context: CommandContext, repository: Repository, signal: AbortSignal): Promise<number> {
  const { options, output } = context;
  const { found, present, damaged } = await chosen(context, repository, signal);
  const losses = await inspect(context, repository, found, signal);
  printLosses(output, losses);
  const lacking = new Set<Id>(losses.map(({ id }) => id));
  const wanted = found.filter(({ id }) => options.flag("incomplete") || !lacking.has(id)).map(({ id }) => id);
  const isDry = options.flag("dry-run");
  if (!isDry) await unforgetSnapshots(repository, [...wanted, ...present], { signal });
  const left = found.length - wanted.length;
  if (output.settings.json) {
    output.printJson({
      message_type: "summary",
      dry_run: isDry ? true : undefined,
      restored_snapshots: wanted,
      incomplete_snapshots: [...lacking],
    });
  } else printResult(context, { wanted, left, isDry });
  return lacking.size > 0 || damaged > 0 ? EXIT.damage : EXIT.ok;
}

function printResult(
  { output }: CommandContext,
  { wanted, left, isDry }: { wanted: readonly Id[]; left: number; isDry: boolean },
): void {
  for (const id of wanted) output.message(`${isDry ? "would bring" : "brought"} back ${shortId(id)}`, 1);
  output.print(
    wanted.length === 0
      ? "nothing was brought back"
      : `${isDry ? "would bring" : "brought"} back ${plural(wanted.length, "snapshot")}`,
  );
  if (left === 0) return;
  output.message(
    `hint: ${plural(left, "snapshot")} cannot come back whole; with --incomplete they do, and \`holdfast repair snapshots\` saves what is left of them`,
  );
}

interface Chosen {
  readonly found: readonly ForgottenSnapshot[];
  /** Named ones that are snapshots as well: a run was cut off while it moved them. */
  readonly present: readonly Id[];
  /** How many cannot be read. */
  readonly damaged: number;
}

/** Those that are named, else all that meet the filter. */
async function chosen(
  { args, options, output }: CommandContext,
  repository: Repository,
  signal: AbortSignal,
): Promise<Chosen> {
  const ids = new Set<Id>();
  for (const text of args) ids.add(await findFileId(repository, "forgotten", text, { signal }));
  const damaged = new Set<Id>();
  const onDamaged = (id: Id, error: unknown): void => {
    if (ids.size > 0 && !ids.has(id)) return;
    damaged.add(id);
    output.warn(`forgotten snapshot ${id} cannot be read: ${messageOf(error)}`, { during: "unforget", item: id });
  };
  const filter = ids.size > 0 ? {} : snapshotFilter(options);
  const all = await listForgotten(repository, { signal, filter, onDamaged });
  if (ids.size === 0) return { found: all, present: [], damaged: damaged.size };
  const found = all.filter(({ id }) => ids.has(id));
  const present = [...ids].filter((id) => !damaged.has(id) && !found.some((each) => each.id === id));
  return { found, present, damaged: damaged.size };
}

async function inspect(
  context: CommandContext,
  repository: Repository,
  found: readonly ForgottenSnapshot[],
  signal: AbortSignal,
): Promise<SnapshotLosses[]> {
  if (found.length === 0) return [];
  const index = await loadIndex(repository, { signal });
  const steps = stepProgress(context, "snapshots examined");
  const onSnapshot = (done: number, total: number): void => steps.tell({ done, total });
  return findLosses(repository, index, found, { signal, onSnapshot }).finally(() => steps.stop());
}
