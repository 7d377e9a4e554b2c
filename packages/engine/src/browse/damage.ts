/** Tells damage of stored data from everything else that can go wrong. */
import { isHoldfastError, type HoldfastError } from "@holdfast/base";

/**
 * True when an error says that stored data is damaged or gone. False for a store that is out of reach, for missing
 * permission and for an abort: what could be read a minute later must never count as lost.
 */
export function isDamageError(error: unknown): error is HoldfastError {
  if (!isHoldfastError(error)) return false;
  return error.kind === "corrupt" || error.code === "STORAGE_NOT_FOUND";
}
