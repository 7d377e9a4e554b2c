/** `--until`: up to where a journal is replayed. */
import { type RecoveryTarget, parseRecoveryTarget } from "@holdfast/sources";
import type { GivenOptions } from "../given-options.ts";

/** @throws SOURCES_TARGET_UNCLEAR */
export function untilOption(options: GivenOptions): RecoveryTarget | undefined {
  const text = options.text("until");
  return text === undefined ? undefined : parseRecoveryTarget(text);
}
