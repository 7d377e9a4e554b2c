/** `holdfast forget`: removes snapshots, by rules or by name, in a way that can be undone. */
import { isHoldfastError, parseDuration } from "@holdfast/base";
import { type Id, type Repository, forgetSnapshots } from "@holdfast/engine";
import type { RetentionStop } from "@holdfast/protection";
import type { CommandContext, RunCommand } from "../context.ts";
import { optionName } from "../definitions/definition.ts";
import { GRACE, PRUNE_OPTIONS } from "../definitions/prune.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { refuseLimits } from "../forget/limit-options.ts";
import { type ForgetPlan, planByName, planByRules } from "../forget/plan.ts";
import { type ForgetSettings, forgetSettings } from "../forget/policy-options.ts";
import { planJson, printPlan, wholePlanJson } from "../forget/show-plan.ts";
import { type Situation, readSituation } from "../forget/situation.ts";
import { safeText } from "../output/safe-text.ts";
import { plural } from "../output/units.ts";
import { type PruneSettings, pruneSettings } from "../prune/options.ts";
import { runPrune } from "../prune/run-prune.ts";
import { forgetByPlans } from "../removal/forget-by-plans.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { withSession } from "../repository-session.ts";
import { findWholeSnapshot, snapshotFilter } from "../snapshot-choice.ts";

/** How far a run goes. */
type Extent = "plan" | "dry-run" | "execute";

export const run: RunCommand = (context) => {
  const settings = forgetSettings(context.options);
  const extent = extentOf(context, settings);
  const expected = context.options.parsed("execute", "give the hash that --plan-only printed", planHash);
  const pruning = pruningOf(context, extent);
  return withSession(context, (session) =>
    session.locked(extent === "execute" ? "exclusive" : "read", async (signal) => {
      const { repository } = session;
      const { plan, situation } = await makePlan(context, repository, settings, signal);
      if (expected !== undefined && expected !== plan.hash) {
        throw cliError("CLI_FORGET_PLAN_CHANGED", { hash: plan.hash });
      }
      show(context, plan, situation, extent);
      if (extent !== "plan" && isStopped(plan)) throw stopped(plan);
      warnOfStops(context, plan, extent);
      const { forgotten, waits } = await carryOut(context, repository, plan, { extent, signal });
      conclude(context, { ...plan, remove: forgotten }, { extent, canUndo: pruning?.graceMs !== 0, waits });
      const pruned = pruning === undefined ? "done" : await runPrune(context, repository, { signal, ...pruning });
      if (waits || pruned === "waiting") return EXIT.waiting;
      return plan.stops.length > 0 && extent !== "plan" ? EXIT.incomplete : EXIT.ok;
    }),
  );
};

/** @throws CLI_OPTIONS_CONFLICT, CLI_FORGET_NOTHING_SAID */
function extentOf({ options, args }: CommandContext, { rules }: ForgetSettings): Extent {
  const conflict = (first: string, second: string, reason: string): Error =>
    cliError("CLI_OPTIONS_CONFLICT", { first, second, reason });
  if (rules !== undefined && args.length > 0) {
    throw conflict("named snapshots", "--keep-…", "snapshots are forgotten either by name or by rules");
  }
  if (rules === undefined && args.length === 0) throw cliError("CLI_FORGET_NOTHING_SAID");
  if (rules === undefined) refuseLimits(options);
  if (options.text("execute") !== undefined) {
    if (options.flag("plan-only")) throw conflict("--plan-only", "--execute", "a plan is made or carried out");
    if (options.flag("dry-run")) throw conflict("--dry-run", "--execute", "one changes nothing, the other does");
    return "execute";
  }
  if (options.flag("plan-only")) return "plan";
  return options.flag("dry-run") ? "dry-run" : "execute";
}

interface Pruning {
  readonly settings: PruneSettings;
  readonly graceMs: number | undefined;
  readonly dryRun: boolean;
}

/** What --prune and its options ask for. @throws CLI_USAGE for such an option without --prune */
function pruningOf({ options }: CommandContext, extent: Extent): Pruning | undefined {
  if (!options.flag("prune")) {
    const alone = [...PRUNE_OPTIONS, GRACE].map(optionName).find((name) => options.count(name) > 0);
    if (alone === undefined) return undefined;
    const problem = `--${alone} says how to prune: add --prune, or give it to \`holdfast prune\``;
    throw cliError("CLI_USAGE", { problem, help: "holdfast forget --help" });
  }
  const settings = pruneSettings(options);
  const graceMs = options.parsed("grace", "give a duration such as 7d, or 0", parseDuration);
  return extent === "plan" ? undefined : { settings, graceMs, dryRun: extent === "dry-run" };
}

/** Forgets what the plan says, where that is to happen; by plans of the server, where it wants such. */
async function carryOut(
  context: CommandContext,
  repository: Repository,
  { remove }: ForgetPlan,
  { extent, signal }: { extent: Extent; signal: AbortSignal },
): Promise<{ readonly forgotten: readonly Id[]; readonly waits: boolean }> {
  if (extent !== "execute") return { forgotten: remove, waits: false };
  const { removalPlans: plans } = repository.backend;
  const forget = (ids: readonly Id[]): Promise<void> => forgetAll(context, repository, ids, signal);
  if (plans !== undefined) {
    const areNamed = context.args.length > 0;
    return forgetByPlans(context, { plans, ids: remove, areNamed, forget }, { signal });
  }
  await forget(remove);
  return { forgotten: remove, waits: false };
}

function forgetAll(
  context: CommandContext,
  repository: Repository,
  ids: readonly Id[],
  signal: AbortSignal,
): Promise<void> {
  const steps = stepProgress(context, "snapshots forgotten");
  const onForgotten = (_: Id, done: number): void => steps.tell({ done, total: ids.length });
  return forgetSnapshots(repository, ids, { signal, areRead: true, onForgotten }).finally(() => steps.stop());
}

async function makePlan(
  context: CommandContext,
  repository: Repository,
  settings: ForgetSettings,
  signal: AbortSignal,
): Promise<{ plan: ForgetPlan; situation: Situation }> {
  const { options, args } = context;
  const filter = snapshotFilter(options);
  if (settings.rules !== undefined) {
    const situation = await readSituation(context, repository, { signal, filter });
    return { plan: planByRules(situation, settings.rules, settings, Date.now()), situation };
  }
  const named = new Set<Id>();
  for (const name of args) named.add(await namedId(repository, name, { signal, filter }));
  // A snapshot is judged among all others of its group, whatever `latest` was looked for in.
  const situation = await readSituation(context, repository, { signal, filter: {} });
  return { plan: planByName(situation, named, settings, Date.now()), situation };
}

async function namedId(
  repository: Repository,
  name: string,
  options: { signal: AbortSignal; filter: ReturnType<typeof snapshotFilter> },
): Promise<Id> {
  try {
    return (await findWholeSnapshot(repository, name, options)).id;
  } catch (error) {
    if (!isHoldfastError(error) || error.kind !== "corrupt") throw error;
    throw cliError("CLI_FORGET_UNREADABLE", { ids: [name] }, error);
  }
}

function show({ output, options }: CommandContext, plan: ForgetPlan, situation: Situation, extent: Extent): void {
  const { snapshots } = situation;
  if (!output.settings.json) printPlan(output, plan, snapshots, { isCompact: options.flag("compact") });
  else if (extent === "plan") output.printJson(wholePlanJson(plan, snapshots));
  else output.printJson(planJson(plan, snapshots));
}

/** True when every group that would lose something is spared by a stop. */
function isStopped({ groups, remove, stops }: ForgetPlan): boolean {
  const isWanted = groups.some(({ verdicts }) => verdicts.some(({ keep }) => !keep));
  return isWanted && remove.length === 0 && stops.length > 0;
}

/** How somebody goes on who knows better. What is allowed once would be allowed for good in a timer. */
function wayOn(code: RetentionStop["code"]): string {
  if (code !== "shrunken") return `--allow ${code}`;
  return "--sizes-from DAY, the day from which it is smaller (or this once --allow shrunken)";
}

function stopped({ stops }: ForgetPlan): Error {
  const codes = [...new Set(stops.map(({ code }) => code))];
  const reasons = stops.map(({ explanation }) => explanation).join("; ");
  return cliError("CLI_FORGET_STOPPED", { reasons, flags: codes.map(wayOn).join(" ") });
}

function warnOfStops({ output }: CommandContext, { stops }: ForgetPlan, extent: Extent): void {
  // A plan in JSON has them itself.
  if (extent === "plan" && output.settings.json) return;
  for (const { code, explanation, group } of stops) {
    const what = group === undefined ? "nothing is forgotten" : "nothing of that group is forgotten";
    output.warn(`${safeText(explanation)}: ${what} (${wayOn(code)})`, { during: "forget" });
  }
}

function conclude(
  { output }: CommandContext,
  { groups, remove, hash }: ForgetPlan,
  { extent, canUndo, waits }: { extent: Extent; canUndo: boolean; waits: boolean },
): void {
  // What waits has been told.
  if (output.settings.json || (waits && remove.length === 0)) return;
  const count = plural(remove.length, "snapshot");
  if (extent === "execute") {
    output.print(remove.length === 0 ? "nothing to forget" : `forgot ${count}`);
    if (remove.length > 0 && canUndo)
      output.message("hint: `holdfast unforget` brings them back, as long as no prune came after the grace period");
    return;
  }
  const byFloors = groups
    .flatMap(({ verdicts }) => verdicts)
    .filter(({ keep, matches }) => keep && matches.length === 0);
  if (byFloors.length > 0) {
    output.message(
      `${plural(byFloors.length, "snapshot is", "snapshots are")} kept by no rule but for other reasons, which are listed`,
    );
  }
  output.print(`would forget ${count}; nothing was changed`);
  if (extent === "plan") output.print(`plan ${hash}`);
}

function planHash(text: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}
