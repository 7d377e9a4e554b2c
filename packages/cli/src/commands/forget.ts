/** `holdfast forget`: removes snapshots, by rules or by name, in a way that can be undone. */
import { isHoldfastError } from "@holdfast/base";
import { type Id, type Repository, findSnapshot, forgetSnapshots } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { type ForgetPlan, planByName, planByRules } from "../forget/plan.ts";
import { type ForgetSettings, forgetSettings } from "../forget/policy-options.ts";
import { planJson, printPlan, wholePlanJson } from "../forget/show-plan.ts";
import { type Situation, readSituation } from "../forget/situation.ts";
import { safeText } from "../output/safe-text.ts";
import { plural } from "../output/units.ts";
import { withSession } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";

/** How far a run goes. */
type Extent = "plan" | "dry-run" | "execute";

export const run: RunCommand = (context) => {
  const settings = forgetSettings(context.options);
  const extent = extentOf(context, settings);
  return withSession(context, (session) =>
    session.locked(extent === "execute" ? "exclusive" : "read", async (signal) => {
      const { repository } = session;
      const { plan, situation } = await makePlan(context, repository, settings, signal);
      const expected = context.options.text("execute");
      if (expected !== undefined && expected !== plan.hash) {
        throw cliError("CLI_FORGET_PLAN_CHANGED", { hash: plan.hash });
      }
      show(context, plan, situation, extent);
      if (extent !== "plan") requireGo(plan);
      if (extent === "execute") await forgetSnapshots(repository, plan.remove, { signal });
      conclude(context, plan, extent);
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
  if (options.text("execute") !== undefined) {
    if (options.flag("plan-only")) throw conflict("--plan-only", "--execute", "a plan is made or carried out");
    if (options.flag("dry-run")) throw conflict("--dry-run", "--execute", "one changes nothing, the other does");
    return "execute";
  }
  if (options.flag("plan-only")) return "plan";
  return options.flag("dry-run") ? "dry-run" : "execute";
}

async function makePlan(
  { options, args }: CommandContext,
  repository: Repository,
  settings: ForgetSettings,
  signal: AbortSignal,
): Promise<{ plan: ForgetPlan; situation: Situation }> {
  const filter = snapshotFilter(options);
  if (settings.rules !== undefined) {
    const situation = await readSituation(repository, { signal, filter });
    return { plan: planByRules(situation, settings.rules, settings, Date.now()), situation };
  }
  const named = new Set<Id>();
  for (const name of args) named.add(await namedId(repository, name, { signal, filter }));
  // A snapshot is judged among all others of its group, whatever `latest` was looked for in.
  const situation = await readSituation(repository, { signal, filter: {} });
  return { plan: planByName(situation, named, settings, Date.now()), situation };
}

async function namedId(
  repository: Repository,
  name: string,
  options: { signal: AbortSignal; filter: ReturnType<typeof snapshotFilter> },
): Promise<Id> {
  try {
    return (await findSnapshot(repository, name, options)).stored.id;
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
  for (const { code, explanation, group } of extent === "plan" && output.settings.json ? [] : plan.stops) {
    const what = group === undefined ? "nothing is forgotten" : "nothing of that group is forgotten";
    output.warn(`${safeText(explanation)}: ${what} (--allow ${code})`, { during: "forget" });
  }
}

/** A stop of the whole plan, or of every group that would lose something, ends the run. @throws CLI_FORGET_STOPPED */
function requireGo({ groups, remove, stops }: ForgetPlan): void {
  const isWanted = groups.some(({ verdicts }) => verdicts.some(({ keep }) => !keep));
  if (stops.length === 0 || remove.length > 0 || !isWanted) return;
  const codes = [...new Set(stops.map(({ code }) => code))];
  const reasons = stops.map(({ explanation }) => explanation).join("; ");
  throw cliError("CLI_FORGET_STOPPED", { reasons, flags: codes.map((code) => `--allow ${code}`).join(" ") });
}

function conclude({ output }: CommandContext, { remove, hash }: ForgetPlan, extent: Extent): void {
  if (output.settings.json) return;
  const count = plural(remove.length, "snapshot");
  if (extent === "execute") {
    output.print(remove.length === 0 ? "nothing to forget" : `forgot ${count}`);
    if (remove.length > 0)
      output.message("hint: `holdfast unforget` brings them back, as long as no prune came after the grace period");
    return;
  }
  output.print(`would forget ${count}; nothing was changed`);
  if (extent === "plan") output.print(`plan ${hash}`);
}
