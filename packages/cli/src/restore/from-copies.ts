/**
 * A restore that outlives the loss of a repository: it goes on from the one of --from-repo, a copy, when the first is out of
 * reach or damaged, at the beginning or in the middle. The second run meets what the first has restored: it compares that with
 * the snapshot, and brings only what is missing.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { Restore, type RestoreResult, displayPath } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { type PreparedSession, prepareSession, withSession } from "../repository-session.ts";
import { namedLocation } from "../repository-location.ts";
import { type RestoreSettings, type WantedTree, restoreOnce } from "./restore-once.ts";

/** How long a call is repeated while another copy is at hand: a short cut in the line is no reason to change over. */
const PATIENCE_MS = 60_000;

const OTHER = "the repository of --from-repo";

/** @throws what restoring from the last copy throws */
export async function restoreFromCopies(context: CommandContext, settings: RestoreSettings): Promise<RestoreResult> {
  const whileOpening = (): void => Restore.startThreads();
  if ((await namedLocation(context, "from")) === undefined) {
    return withSession(context, (session) => restoreOnce(context, session, { settings }), { whileOpening });
  }
  const other = await prepareOther(context);
  try {
    const first = await restoreFromFirst(context, settings, { other, whileOpening });
    if (first.result !== undefined || other === undefined) return first.result as RestoreResult;
    return await restoreOnce(context, await other.open(), { settings, wanted: first.wanted });
  } finally {
    await other?.close();
  }
}

/** A copy that cannot be reached now is no reason not to restore from the other. */
async function prepareOther(context: CommandContext): Promise<PreparedSession | undefined> {
  try {
    return await prepareSession(context, { whose: "from", patienceMs: PATIENCE_MS });
  } catch (error) {
    if (context.signal.aborted || !isRepositoryFailure(error)) throw error;
    context.output.warn(`${OTHER} cannot be used: ${messageOf(error)}`, { during: "open" });
    return undefined;
  }
}

interface First {
  /** Absent when another copy is to be asked. */
  readonly result?: RestoreResult;
  /** Absent when it was not found out. */
  readonly wanted?: WantedTree | undefined;
}

async function restoreFromFirst(
  context: CommandContext,
  settings: RestoreSettings,
  { other, whileOpening }: { readonly other: PreparedSession | undefined; readonly whileOpening: () => void },
): Promise<First> {
  const { output, signal } = context;
  let wanted: WantedTree | undefined;
  const onFound = (found: WantedTree): void => {
    wanted = found;
  };
  const opening = other === undefined ? { whileOpening } : { whileOpening, patienceMs: PATIENCE_MS };
  try {
    const result = await withSession(
      context,
      (session) => restoreOnce(context, session, { settings, onFound }),
      opening,
    );
    if (other === undefined || (result.problemCounts.damaged ?? 0) === 0) return { result };
    output.warn(`what is damaged is taken from ${OTHER} now`, { during: "restore" });
    output.message("hint: `holdfast repair packs --from-repo` brings it back into the repository");
    return { wanted };
  } catch (error) {
    if (other === undefined || signal.aborted || !isRepositoryFailure(error)) throw error;
    const place = wanted === undefined ? "instead of it" : `to bring the rest to ${displayPath(settings.target)}`;
    output.warn(`${messageOf(error)}; ${OTHER} is read ${place}`, { during: "restore" });
    return { wanted };
  }
}

/** Whether an error tells of the repository, so that another copy may do better. */
function isRepositoryFailure(error: unknown): boolean {
  if (!isHoldfastError(error) || error.code === "ENGINE_TARGET_FULL") return false;
  return error.kind === "unavailable" || error.kind === "corrupt" || error.kind === "locked" || isAbsence(error.code);
}

/** A disk that is not mounted, a folder that is gone. */
function isAbsence(code: string): boolean {
  return ["ENGINE_NO_REPOSITORY", "STORAGE_NO_FOLDER", "STORAGE_NOT_FOUND", "STORAGE_NO_PLACE"].includes(code);
}
