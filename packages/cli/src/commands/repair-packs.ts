/** `holdfast repair packs`: saves what is left in damaged packs. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@holdfast/base";
import {
  type LostBlob,
  type Id,
  type PackRepairPlan,
  type Repository,
  executePackRepair,
  findFileId,
  isId,
  planPackRepair,
} from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, plural } from "../output/units.ts";
import { stepProgress } from "../repair/step-progress.ts";
import { packOptions } from "../values/pack-options.ts";
import { withSession } from "../repository-session.ts";

type Result = Awaited<ReturnType<typeof executePackRepair>>;

export const run: RunCommand = (context) =>
  withSession(
    context,
    (session) => {
      const dryRun = context.options.flag("dry-run");
      const packs = packOptions(context.options);
      return session.locked(dryRun ? "read" : "exclusive", async (signal) => {
        const ids = await packIds(session.repository, context.args, signal);
        const steps = stepProgress(context, "packs read");
        const onPack = (done: number, total: number): void => steps.tell({ done, total });
        const plan = await planPackRepair(session.repository, ids, { signal, onPack }).finally(() => steps.stop());
        printPlan(context, plan);
        const onBackup = (id: Id, bytes: Uint8Array): Promise<void> => keepCopy(context, id, bytes, signal);
        const result = dryRun
          ? undefined
          : await executePackRepair(session.repository, plan, { signal, onBackup, ...packs });
        printResult(context, plan, result);
        return lostBlobs(plan).length > 0 ? EXIT.damage : EXIT.ok;
      });
    },
    { trustCache: false },
  );

/** A whole id need not be in the store: then only the index is cleaned. */
async function packIds(repository: Repository, texts: readonly string[], signal: AbortSignal): Promise<Id[]> {
  const ids: Id[] = [];
  for (const text of texts) ids.push(isId(text) ? text : await findFileId(repository, "pack", text, { signal }));
  return ids;
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

function printPlan({ output }: CommandContext, { packs }: PackRepairPlan): void {
  if (output.settings.json) return;
  for (const { id, sizeBytes, unreadable, salvagedBlobs, salvagedBytes, lost } of packs) {
    const state =
      sizeBytes === undefined ? " (not in the store)" : unreadable === undefined ? "" : ` (${safeText(unreadable)})`;
    const gone = lost.filter(({ hasOtherCopy }) => !hasOtherCopy).length;
    output.print(
      `pack ${id}${state}: ${plural(salvagedBlobs, "blob")} (${formatBytes(salvagedBytes)}) can be saved, ${plural(gone, "blob")} lost`,
    );
  }
}

/** Blobs of which no good copy is left. */
function lostBlobs({ packs }: Pick<PackRepairPlan, "packs">): LostBlob[] {
  return packs.flatMap((pack) => pack.lost).filter(({ hasOtherCopy }) => !hasOtherCopy);
}

function printResult({ output }: CommandContext, { packs }: PackRepairPlan, result: Result | undefined): void {
  const lost = lostBlobs({ packs });
  if (output.settings.json) {
    output.printJson({
      message_type: "summary",
      dry_run: result === undefined ? true : undefined,
      salvaged_blobs: result?.salvagedBlobs ?? 0,
      removed_packs: result?.removedPacks ?? [],
      lost_blobs: lost.map(({ type, id, reason }) => ({ type, id, reason })),
    });
    return;
  }
  if (result === undefined) output.print("dry run: nothing was changed");
  else
    output.print(
      `saved ${plural(result.salvagedBlobs, "blob")}, removed ${plural(result.removedPacks.length, "pack")}`,
    );
  if (lost.length > 0)
    output.message(
      "hint: run `holdfast repair snapshots --forget` to make snapshots without what is lost; back up again first, which may bring it back",
    );
}
