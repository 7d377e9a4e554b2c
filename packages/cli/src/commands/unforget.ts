/** `holdfast unforget`: lists forgotten snapshots, brings them back, or gives them up. */
import {
  type ForgottenSnapshot,
  type Hold,
  type Id,
  type Repository,
  type SnapshotLosses,
  findLosses,
  giveUpForgotten,
  heldError,
  holdsOf,
  listHolds,
  loadIndex,
  unforgetSnapshots,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { chosenForgotten } from "../forget/chosen-forgotten.ts";
import { printLosses } from "../forget/print-losses.ts";
import { forgottenJson, forgottenTable } from "../forget/show-forgotten.ts";
import { plural } from "../output/units.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { withSession } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

export const run: RunCommand = (context) => {
  requireChoice(context);
  const isListing = context.options.flag("list");
  const isGivingUp = context.options.flag("give-up");
  const changing = isGivingUp ? "exclusive" : "append";
  const mode = isListing ? "look" : context.options.flag("dry-run") ? "read" : changing;
  return withSession(
    context,
    (session) =>
      session.locked(mode, (signal) => {
        const work = isListing ? list : isGivingUp ? giveUp : bringBack;
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
  if (options.flag("give-up") && options.flag("incomplete")) {
    const reason = "one gives snapshots up, the other brings them back";
    throw cliError("CLI_OPTIONS_CONFLICT", { first: "--give-up", second: "--incomplete", reason });
  }
}

async function list(context: CommandContext, repository: Repository, signal: AbortSignal): Promise<number> {
  const { output } = context;
  const { found, damaged } = await chosenForgotten(context, repository, signal);
  const holds = await listHolds(repository, { signal, onDamaged: () => {} });
  if (output.settings.json) output.printJson(found.map((each) => forgottenJson(each, holds)));
  else if (found.length > 0) for (const line of forgottenTable(found, holds, output.width)) output.print(line);
  else if (damaged.length === 0) output.message("there are no forgotten snapshots");
  return damaged.length > 0 ? EXIT.damage : EXIT.ok;
}

async function giveUp(context: CommandContext, repository: Repository, signal: AbortSignal): Promise<number> {
  const { options, output, args } = context;
  refuseUnplanned(repository, "unforget --give-up");
  const holds = await listHolds(repository, { signal });
  const { found, damaged } = await chosenForgotten(context, repository, signal);
  // Whether a filter would meet what cannot be read is not known.
  const unreadable = args.length > 0 ? damaged : [];
  for (const each of found) requireNotHeld(each.id, holdsOf(holds, each));
  for (const id of unreadable) {
    requireNotHeld(
      id,
      holds.filter(({ selector }) => selector.ids?.includes(id) === true),
    );
  }
  const ids = [...found.map(({ id }) => id), ...unreadable];
  const isDry = options.flag("dry-run");
  if (!isDry) await giveUpForgotten(repository, ids, { signal });
  if (output.settings.json) {
    output.printJson({ message_type: "summary", dry_run: isDry ? true : undefined, given_up_snapshots: ids });
  } else output.print(`${isDry ? "would give" : "gave"} up ${plural(ids.length, "forgotten snapshot")}`);
  return EXIT.ok;
}

function requireNotHeld(id: Id, holds: readonly Hold[]): void {
  if (holds.length > 0) throw heldError(id, holds);
}

async function bringBack(context: CommandContext, repository: Repository, signal: AbortSignal): Promise<number> {
  const { options, output } = context;
  const { found, present, damaged } = await chosenForgotten(context, repository, signal);
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
  return lacking.size > 0 || damaged.length > 0 ? EXIT.damage : EXIT.ok;
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
