/** One look at a restored copy, as a check of its proof. */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { ProofCheck } from "../contract/source.ts";

/** What was seen. */
export type Seen = Pick<ProofCheck, "passed" | "detail">;

/**
 * Looks, and takes the time. What fails did not pass.
 * @throws the signal's reason, and what was out of reach: that says nothing of the copy
 */
export async function lookAt(
  name: string,
  { signal }: { signal: AbortSignal },
  look: () => Promise<Seen>,
): Promise<ProofCheck> {
  const startedMs = performance.now();
  const check = (seen: Seen): ProofCheck => ({ name, ...seen, elapsedMs: performance.now() - startedMs });
  try {
    return check(await look());
  } catch (error) {
    signal.throwIfAborted();
    if (isHoldfastError(error) && error.kind === "unavailable") throw error;
    return check({ passed: false, detail: messageOf(error) });
  }
}
