/** Commands that work with two repositories: their own, and the one of --from-repo. */
import { stat } from "node:fs/promises";
import { displayPath } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import {
  type LockMode,
  type PreparedSession,
  type Session,
  type SessionOptions,
  prepareSession,
} from "../repository-session.ts";

/** The repository of the command, and the one of --from-repo. */
export interface TwoSessions {
  readonly own: Session;
  readonly from: Session;
}

/**
 * Opens both at the same time, runs `work`, and closes them.
 * @param options for the command's own repository; what is read from the other is checked by whoever uses it
 * @throws CLI_SAME_REPOSITORY, CLI_NO_OTHER_LOCATION, and what opening throws
 */
export async function withTwoSessions<T>(
  context: CommandContext,
  work: (sessions: TwoSessions) => Promise<T>,
  options: SessionOptions = {},
): Promise<T> {
  const other = await saysWhose(context, () => prepareSession(context, { whose: "from" }));
  try {
    const mine = await prepareSession(context, options);
    try {
      const sessions = await openBoth(context, { own: mine, from: other });
      await refuseSame(sessions);
      return await work(sessions);
    } finally {
      await mine.close();
    }
  } finally {
    await other.close();
  }
}

/** Two keys are derived in less time at once than one after the other. */
async function openBoth(
  context: CommandContext,
  { own, from }: { own: PreparedSession; from: PreparedSession },
): Promise<TwoSessions> {
  const opening = [saysWhose(context, () => from.open()), own.open()] as const;
  // Neither goes on behind the back of whoever closes both.
  await Promise.allSettled(opening);
  return { from: await opening[0], own: await opening[1] };
}

/** Opens something of the other repository: what is wrong with a password or a location does not say whose it is. */
async function saysWhose<T>({ output }: CommandContext, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    output.message("the repository of --from-repo could not be opened:");
    throw error;
  }
}

/**
 * Runs `work` while the other repository is locked for reading and the own one as `mode` says.
 * @throws ENGINE_LOCKED, and what `work` throws
 */
export async function lockedBoth<T>(
  context: CommandContext,
  { own, from }: TwoSessions,
  mode: LockMode,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let isLocked = false;
  const withOther = (reading: AbortSignal): Promise<T> => {
    isLocked = true;
    return own.locked(mode, (writing) => work(AbortSignal.any([reading, writing])));
  };
  try {
    return await from.locked("read", withOther);
  } catch (error) {
    if (!isLocked) context.output.message("the repository of --from-repo could not be locked:");
    throw error;
  }
}

/** A second copy of the files of a repository has its id as well, so that the place decides. */
async function refuseSame({ own, from }: TwoSessions): Promise<void> {
  const [first, second] = [own.repository, from.repository];
  if (first.config.id !== second.config.id) return;
  const { location } = first.backend;
  if (location === second.backend.location || (await isSameFolder(location, second.backend.location))) {
    throw cliError("CLI_SAME_REPOSITORY", { location: displayPath(location) });
  }
}

async function isSameFolder(first: string, second: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([first, second].map((path) => stat(path, { bigint: true })));
    return a?.dev === b?.dev && a?.ino === b?.ino;
  } catch {
    // Not folders: then their addresses differ, and that is all that is known.
    return false;
  }
}
