/** Failures at one path of the target, which are reported and do not end a restore. */
import { isHoldfastError } from "@holdfast/base";
import { systemReason } from "../platform/libc.ts";
import { LostBlob } from "./blob-opener.ts";
import type { RestoreProblem } from "./problems.ts";

/** What stands in the target does not allow an entry to be restored. The message does not name the path. */
export class TargetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TargetError";
  }
}

/**
 * The problem that an error means for a path.
 * @throws the error itself when it is no matter of this path alone
 */
export function problemOf(error: unknown, path: string): RestoreProblem {
  if (error instanceof LostBlob) return { code: "damaged", path, reason: error.message, blob: error.id };
  const known = error instanceof TargetError || (error instanceof Error && "syscall" in error);
  if (!known || isHoldfastError(error)) throw error;
  return { code: "not-restored", path, reason: systemReason(error) };
}
