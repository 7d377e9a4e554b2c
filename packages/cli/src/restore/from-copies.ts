/**
 * A restore that outlives the loss of a repository: it goes on from the one of --from-repo, a copy, when the first is out of
 * reach or damaged, at the beginning or in the middle. The second run meets what the first has restored: it compares that with
 * the snapshot, and brings only what is missing.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { Restore, type RestoreResult, displayPath } from "@holdfast/engine";
import { STORAGE_ERRORS } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { saysWhose } from "../copy/two-repositories.ts";
import { type PreparedSession, type Session, prepareSession, withSession } from "../repository-session.ts";
import { namedLocation } from "../repository-location.ts";
import { type RestoreSettings, type WantedTree, restoreOnce } from "./restore-once.ts";

/** How long a call is repeated while another copy is at hand: a short cut in the line is no reason to change over. */
const PATIENCE_MS = 60_000;

const OTHER = "the repository of --from-repo";

/** @throws what restoring from the last copy throws */
export async function restoreFromCopies(context: CommandContext, settings: RestoreSettings): Promise<RestoreResult> {
  const isNamed = (await namedLocation(context, "from")) !== undefined;
  const other = isNamed ? await openOther(context) : undefined;
  if (other === undefined) {
    const work = (session: Session): Promise<RestoreResult> => restoreOnce(context, session, { settings });
    return withSession(context, work, { whileOpening: () => Restore.startThreads() });
  }
  try {
    return await restoreWithCopy(context, settings, other.session);
  } finally {
    await other.close();
  }
}

/**
 * The copy, opened before anything is restored: on the worst moment of the day its password must not turn out to be wrong. One
 * that cannot be reached now is no reason not to restore from the other.
 */
async function openOther(
  context: CommandContext,
): Promise<(Pick<PreparedSession, "close"> & { readonly session: Session }) | undefined> {
  try {
    const prepared = await saysWhose(context, () => prepareSession(context, { whose: "from" }));
    try {
      const session = await saysWhose(context, () => prepared.open());
      return { session, close: () => prepared.close() };
    } catch (error) {
      await prepared.close();
      throw error;
    }
  } catch (error) {
    if (context.signal.aborted || !isRepositoryFailure(error)) throw error;
    context.output.warn(`${OTHER} cannot be used: ${messageOf(error)}`, { during: "open" });
    return undefined;
  }
}

async function restoreWithCopy(
  context: CommandContext,
  settings: RestoreSettings,
  copy: Session,
): Promise<RestoreResult> {
  const { output, signal } = context;
  let wanted: WantedTree | undefined;
  const onFound = (found: WantedTree): void => {
    wanted = found;
  };
  const work = (session: Session): Promise<RestoreResult> => restoreOnce(context, session, { settings, onFound });
  try {
    const opening = { whileOpening: () => Restore.startThreads(), patienceMs: PATIENCE_MS };
    const result = await withSession(context, work, opening);
    if ((result.problemCounts.damaged ?? 0) === 0) return result;
    output.warn(`what is damaged is taken from ${OTHER} now`, { during: "restore" });
    output.message("hint: `holdfast repair packs --from-repo` brings it back into the repository");
  } catch (error) {
    if (signal.aborted || !isRepositoryFailure(error)) throw error;
    const place = wanted === undefined ? "instead of it" : `to bring the rest to ${displayPath(settings.target)}`;
    output.warn(`${messageOf(error)}; ${OTHER} is read ${place}`, { during: "restore" });
  }
  return restoreOnce(context, copy, { settings, wanted });
}

/** Kinds of errors of places that are the user's to mend: another copy would do no better. */
const NOT_OF_THE_PLACE: ReadonlySet<string> = new Set(["invalid-input", "unsupported", "internal"]);

/** Whether an error tells of the repository or its place, so that another copy may do better. */
function isRepositoryFailure(error: unknown): boolean {
  if (!isHoldfastError(error)) return false;
  if (error.kind === "corrupt" || error.kind === "locked" || error.code === "ENGINE_NO_REPOSITORY") return true;
  return error.code in STORAGE_ERRORS && !NOT_OF_THE_PLACE.has(error.kind);
}
