/** Which folders have held a repository of this user, so that a disk that is not mounted is noticed. */
import { homedir } from "node:os";
import { join } from "node:path";
import { type Backend, assertNothingWasHere, parseLocation, rememberPlace } from "@holdfast/storage";
import type { CommandContext } from "./context.ts";

/** Whether a repository lies in a folder. */
export function isLocal(location: string): boolean {
  return parseLocation(location).scheme === "local";
}

/** Notes that a repository was opened. @param id of the repository */
export async function noteUse(context: CommandContext, location: string, backend: Backend, id: string): Promise<void> {
  if (isLocal(location)) await rememberPlace(placesFile(context), backend.location, id);
}

/** For a place without a repository. @throws STORAGE_NOT_MOUNTED when there was one, and an empty folder is now */
export async function refuseUnmounted(context: CommandContext, location: string, backend: Backend): Promise<void> {
  if (isLocal(location)) await assertNothingWasHere(placesFile(context), backend.location);
}

function placesFile({ variables }: CommandContext): string {
  const named = variables.plain("XDG_STATE_HOME");
  const state = named?.startsWith("/") === true ? named : join(homedir(), ".local/state");
  return join(state, "holdfast", "places.json");
}
