/** Proposes a plan for what a command would remove. */
import type { FileType, PlanStatus, RemovalPlans } from "@holdfast/storage";
import { MAX_PLAN_FILES, MAX_REASON_CHARS } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { invalidValue } from "../given-options.ts";
import type { PlannedCommand } from "./known-plans.ts";

interface Proposal {
  readonly command: PlannedCommand;
  readonly reason: string;
  /** In the order in which they are wanted: of very many, the first are in the plan, and the rest is for the next one. */
  readonly files: Iterable<{ readonly type: FileType; readonly name: string }>;
}

/** What --reason says, or else the usual. @throws CLI_INVALID_VALUE */
export function reasonOption({ options }: Pick<CommandContext, "options">, usual: string): string {
  const reason = options.text("reason") ?? usual;
  if (reason.length <= MAX_REASON_CHARS && !/\p{Cc}/u.test(reason)) return reason;
  throw invalidValue(reason.slice(0, 40), "--reason", `give one line of at most ${MAX_REASON_CHARS} characters`);
}

/** @throws what the server refuses */
export function proposePlan(
  plans: RemovalPlans,
  { command, reason, files }: Proposal,
  { signal }: { signal: AbortSignal },
): Promise<PlanStatus> {
  const chosen = [];
  for (const file of files) if (chosen.length < MAX_PLAN_FILES) chosen.push(file);
  return plans.propose({ command, reason, files: chosen }, { signal });
}
