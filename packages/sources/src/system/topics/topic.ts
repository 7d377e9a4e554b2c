/**
 * One topic of the report on a system: a small text that stays the same, byte for byte, as long as the system does. So it has no
 * times, no counters, and an order of its own.
 */
import type { Inspection } from "../host/inspection.ts";

/** What a topic is read from. */
export type Reading =
  /** A program; of the machine that runs only. */
  | {
      readonly command: readonly [string, ...string[]];
      /** Exit codes that are no failure. Default: 0. */
      readonly good?: readonly number[];
      /** From what it prints to what is kept. */
      readonly normalise?: (text: string) => string;
    }
  /** Files of the system, one below the other, each under its name. */
  | { readonly files: readonly string[]; readonly normalise?: (text: string) => string }
  /** What needs more than that. `undefined`: there is nothing of that kind. */
  | { readonly look: (inspection: Inspection) => Promise<string | undefined>; readonly isLiveOnly?: true };

export interface Topic {
  /** The name of its file in the report. */
  readonly file: string;
  /** One line. */
  readonly about: string;
  readonly reads: Reading;
  /** Why only its owner may read it. */
  readonly secret?: string;
  /** Whether it applies, from what topics above it in the table have found. Default: yes. */
  readonly applies?: (inspection: Inspection) => boolean;
  /** A warning is given when it applies and could not be read; otherwise that is said in the report alone. */
  readonly isVital: boolean;
}

/** True for what can only be asked of the machine that runs. */
export function isLiveOnly({ reads }: Topic): boolean {
  return "command" in reads || ("look" in reads && reads.isLiveOnly === true);
}
