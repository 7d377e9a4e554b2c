/** `holdfast repair packs`: saves what is left in damaged packs, and takes what is lost from another repository. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import {
  type Id,
  type PackRepairPlan,
  type RefillPlan,
  type RefillResult,
  type Repository,
  executePackRepair,
  executeRefill,
  findFileId,
  isId,
  planPackRepair,
  planRefill,
  remainingLosses,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { lockedBoth, withTwoSessions } from "../copy/two-repositories.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import {
  lostBlobs,
  type PackRepairReport,
  printPackPlan,
  printPackResult,
  printRefillPlan,
} from "../repair/pack-report.ts";
import { refuseUnplanned } from "../removal/refuse-unplanned.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { type Session, withSession } from "../repository-session.ts";
import { namedLocation } from "../repository-location.ts";
import { packOptions } from "../values/pack-options.ts";

interface Parts {
  readonly own: Session;
  readonly other: Repository | undefined;
  readonly signal: AbortSignal;
}

export const run: RunCommand = async (context) => {
  const packs = packOptions(context.options);
  const mode = context.options.flag("dry-run") ? "read" : "exclusive";
  const work = async (parts: Parts): Promise<number> => {
    if (mode === "exclusive") refuseUnplanned(parts.own.repository, "repair packs");
    const report = await repairPacks(context, parts, packs);
    printPackResult(context.output, report);
    return lostBlobs(report).length + report.losses.length > 0 ? EXIT.damage : EXIT.ok;
  };
  const settings = { trustCache: false };
  if ((await namedLocation(context, "from")) === undefined) {
    if (context.args.length === 0) throw needsIds();
    const alone = (own: Session): Promise<number> =>
      own.locked(mode, (signal) => work({ own, other: undefined, signal }));
    return withSession(context, alone, settings);
  }
  return withTwoSessions(
    context,
    (sessions) =>
      lockedBoth(context, sessions, mode, (signal) =>
        work({ own: sessions.own, other: sessions.from.repository, signal }),
      ),
    settings,
  );
};

async function repairPacks(
  context: CommandContext,
  { own, other, signal }: Parts,
  packs: ReturnType<typeof packOptions>,
): Promise<PackRepairReport> {
  const { repository } = own;
  const hasOther = other !== undefined;
  const plan = await readPacks(context, repository, { signal, withSuspects: hasOther });
  printPackPlan(context.output, plan);
  const refill = await refillPlan(context, repository, plan, { other, signal });
  if (other !== undefined && refill !== undefined) printRefillPlan(context.output, refill);
  if (context.options.flag("dry-run")) {
    const isAll = hasOther || refill === undefined;
    const losses = isAll ? [] : await remainingLosses(repository, refill, { signal, isExecuted: false });
    return { packs: plan, refill, hasOther, done: undefined, refilled: undefined, losses };
  }
  const refilled = refill === undefined ? undefined : await takeOver(context, repository, refill, { signal, ...packs });
  const onBackup = (id: Id, bytes: Uint8Array): Promise<void> => keepCopy(context, id, bytes, signal);
  const done = await executePackRepair(repository, plan, { signal, ...packs, onBackup });
  const losses = refill === undefined ? [] : await remainingLosses(repository, refill, { signal, isExecuted: true });
  return { packs: plan, refill, hasOther, done, refilled, losses };
}

/** What snapshots lack, and what of it the other repository has. Nothing is looked for where nothing is lost. */
async function refillPlan(
  context: CommandContext,
  repository: Repository,
  plan: PackRepairPlan,
  { other, signal }: { readonly other: Repository | undefined; readonly signal: AbortSignal },
): Promise<RefillPlan | undefined> {
  if (other === undefined && plan.packs.every(({ lost }) => lost.length === 0)) return undefined;
  const steps = stepProgress(context, "folders examined");
  const onTrees = (done: number): void => steps.tell({ done, total: done });
  return planRefill(repository, plan, other, { signal, onTrees }).finally(() => steps.stop());
}

function takeOver(
  context: CommandContext,
  repository: Repository,
  refill: RefillPlan,
  settings: { readonly signal: AbortSignal } & ReturnType<typeof packOptions>,
): Promise<RefillResult> {
  const steps = stepProgress(context, "blobs taken over");
  const onProgress = ({ blobs }: { blobs: number }): void =>
    steps.tell({ done: blobs, total: Math.max(blobs, refill.blobs) });
  return executeRefill(repository, refill, { ...settings, onProgress }).finally(() => steps.stop());
}

async function readPacks(
  context: CommandContext,
  repository: Repository,
  options: { readonly signal: AbortSignal; readonly withSuspects: boolean },
): ReturnType<typeof planPackRepair> {
  const ids: Id[] = [];
  // A whole id need not be in the store: then only the index is cleaned.
  for (const text of context.args) ids.push(isId(text) ? text : await findFileId(repository, "pack", text, options));
  const steps = stepProgress(context, "packs read");
  const onPack = (done: number, total: number): void => steps.tell({ done, total });
  return planPackRepair(repository, ids, { ...options, onPack }).finally(() => steps.stop());
}

async function keepCopy(
  { options, output }: CommandContext,
  id: Id,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const folder = options.text("keep-in") ?? ".";
  const path = join(folder, `pack-${id}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, bytes, { signal, flush: true });
  } catch (error) {
    signal.throwIfAborted();
    throw cliError("CLI_WRITE_FAILED", { path, reason: messageOf(error) }, error);
  }
  output.message(`kept a copy of the pack as ${path}`);
}

function needsIds(): Error {
  const problem = "name the packs that are damaged, or another repository with --from-repo";
  return cliError("CLI_USAGE", { problem, help: "holdfast help repair packs" });
}
