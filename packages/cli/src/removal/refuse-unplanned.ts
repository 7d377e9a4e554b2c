/** Commands that remove files at once have no place at a server that removes by plans. */
import type { Repository } from "@holdfast/engine";
import { cliError } from "../errors.ts";

/**
 * Refuses a command before it has done half of its work.
 * @param command as it is typed
 * @throws CLI_NEEDS_PLAN
 */
export function refuseUnplanned({ backend }: Pick<Repository, "backend">, command: string): void {
  if (backend.removalPlans !== undefined) throw cliError("CLI_NEEDS_PLAN", { command });
}
