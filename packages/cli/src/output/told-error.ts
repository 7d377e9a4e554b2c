/** An error in one line, where it ends one thing and not the run. */
import { isHoldfastError, messageOf } from "@holdfast/base";

/** The message, and the next step in brackets. */
export function toldError(error: unknown): string {
  const hint = isHoldfastError(error) && error.hint !== undefined ? ` (${error.hint})` : "";
  return messageOf(error) + hint;
}
