/** How a run ends: the one place that turns errors into exit codes and into what people and programs read about them. */
import { inspect } from "node:util";
import { type ErrorKind, isHoldfastError, messageOf } from "@holdfast/base";
import type { Output } from "./output/output.ts";
import { safeText } from "./output/safe-text.ts";

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  incomplete: 3,
  /** Something is to be removed by a plan that waits for approval, or for its time. */
  waiting: 4,
  noRepository: 10,
  locked: 11,
  wrongPassword: 12,
  damage: 20,
  shrunk: 21,
  drifted: 22,
  interrupted: 130,
} as const;

/** Codes that say more than their kind. */
const OF_CODE: Readonly<Record<string, number>> = {
  CLI_USAGE: EXIT.usage,
  CLI_INVALID_VALUE: EXIT.usage,
  CLI_OPTIONS_CONFLICT: EXIT.usage,
  CLI_NOT_A_WHOLE_SNAPSHOT: EXIT.usage,
  CLI_NO_LOCATION: EXIT.usage,
  CLI_NO_OTHER_LOCATION: EXIT.usage,
  CLI_SAME_REPOSITORY: EXIT.usage,
  CLI_FORGET_NOTHING_SAID: EXIT.usage,
  PROTECTION_RETENTION_COUNT: EXIT.usage,
  PROTECTION_RETENTION_DURATION: EXIT.usage,
  PROTECTION_RETENTION_KEEPS_NOTHING: EXIT.usage,
  PROTECTION_RETENTION_ZONE: EXIT.usage,
  ENGINE_NO_REPOSITORY: EXIT.noRepository,
};

const OF_KIND: Readonly<Record<ErrorKind, number>> = {
  "invalid-input": EXIT.failure,
  "not-found": EXIT.failure,
  conflict: EXIT.failure,
  locked: EXIT.locked,
  permission: EXIT.failure,
  "wrong-key": EXIT.wrongPassword,
  unavailable: EXIT.failure,
  corrupt: EXIT.damage,
  unsupported: EXIT.failure,
  "external-tool": EXIT.failure,
  cancelled: EXIT.interrupted,
  internal: EXIT.failure,
};

/** The exit code for anything thrown. */
export function exitCodeOf(error: unknown): number {
  return isHoldfastError(error) ? (OF_CODE[error.code] ?? OF_KIND[error.kind]) : EXIT.failure;
}

/** On one line, except for a configuration: each of its problems begins with the place that editors jump to. */
function shownMessage(error: unknown): string {
  const message = messageOf(error);
  if (!isHoldfastError(error, "PROTECTION_CONFIG_INVALID")) return safeText(message);
  return message.split("\n").map(safeText).join("\n");
}

/** Prints why a run failed: the message and the next step; as JSON an `exit_error`. With `details` also where it arose. */
export function reportFailure(
  error: unknown,
  output: Output,
  { code, details, hint = hintOf(error) }: { code: number; details: boolean; hint?: string | undefined },
): void {
  const message = shownMessage(error);
  if (output.settings.json) {
    output.errorJson({
      message_type: "exit_error",
      code,
      message,
      error_code: isHoldfastError(error) ? error.code : undefined,
      hint: hint === undefined ? undefined : safeText(hint),
    });
    return;
  }
  output.error(`${output.color("31", "holdfast:")} ${message}`);
  if (hint !== undefined) output.error(`hint: ${safeText(hint)}`);
  if (details) output.error(inspect(error, { depth: 4 }).split("\n").map(safeText).join("\n"));
}

function hintOf(error: unknown): string | undefined {
  if (isHoldfastError(error)) return error.hint;
  return "This was not foreseen. Run again with HOLDFAST_DEBUG=1 to see where it arose, and please report that.";
}
