/** Plans of what goes wrong when, for tests and drills. */
import type { FileType } from "../backend.ts";

/** The calls that can be made to fail. */
export type FaultOperation = "initialize" | "save" | "load" | "stat" | "list" | "remove";

/** What goes wrong with one call. */
export type Fault =
  /**
   * It fails: before anything is done, after half of the bytes (half of a body, of a load; after one entry of a list; elsewhere
   * as `before`), or after all is done and only the answer is lost. Default error: a transient STORAGE_UNAVAILABLE.
   */
  | { readonly kind: "fail"; readonly when: "before" | "middle" | "after"; readonly error?: Error }
  /** Only so many bytes are stored or come back, and it looks like success. For `save` and `load`. */
  | { readonly kind: "truncate"; readonly keepBytes: number }
  /** Reports success and does nothing. For `save` and `remove`. */
  | { readonly kind: "lie" }
  /** One bit is wrong in what is stored or comes back; counted from the first byte, modulo the size. For `save` and `load`. */
  | { readonly kind: "flip"; readonly bit: number }
  /** Takes its time first. */
  | { readonly kind: "delay"; readonly ms: number };

/** Asked once for every call, in the order of the calls. */
export interface FaultPlan {
  next(operation: FaultOperation, type: FileType | undefined): Fault | undefined;
}

/** One fault: at the `call`-th call (from 1) of that operation, counting only files of `type` if given. */
export interface FaultRule {
  readonly operation: FaultOperation;
  readonly type?: FileType;
  readonly call: number;
  readonly fault: Fault;
}

/** Exactly these faults. Of several rules for one call the first counts. */
export function scriptedFaults(rules: readonly FaultRule[]): FaultPlan {
  const counts = rules.map(() => 0);
  return {
    next(operation, type) {
      let fault: Fault | undefined;
      for (const [i, rule] of rules.entries()) {
        if (rule.operation !== operation || (rule.type !== undefined && rule.type !== type)) continue;
        const count = (counts[i] ?? 0) + 1;
        counts[i] = count;
        if (count === rule.call) fault ??= rule.fault;
      }
      return fault;
    },
  };
}

export interface RandomFaults {
  /** Equal seeds give equal plans for equal orders of calls. */
  readonly seed: number;
  /** The share of calls that go wrong, from 0 to 1. */
  readonly rate: number;
  /** One of these each time; default: transient failures before, in the middle and after. */
  readonly faults?: readonly Fault[];
}

const TRANSIENT_FAILURES: readonly Fault[] = [
  { kind: "fail", when: "before" },
  { kind: "fail", when: "middle" },
  { kind: "fail", when: "after" },
];

/** Faults at random calls, reproducible from a seed. */
export function randomFaults({ seed, rate, faults = TRANSIENT_FAILURES }: RandomFaults): FaultPlan {
  const random = randomFrom(seed);
  return {
    next() {
      // Both numbers are drawn each time, so that a changed rate does not shift which fault a call gets.
      const isHit = random() < rate;
      const pick = Math.floor(random() * faults.length);
      return isHit ? faults[pick] : undefined;
    },
  };
}

/** Mulberry32: small, fast, good enough for tests; numbers from 0 to below 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
