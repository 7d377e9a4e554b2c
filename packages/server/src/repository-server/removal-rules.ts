/** Whether a file may be removed now, whoever asks. A rule looks at one removal and either has nothing against it or throws. */
import type { FileType } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import type { ClockGuard } from "./clock-guard.ts";
import type { LedgerKey } from "./ledger.ts";

/** A removal that the role of the client allows. */
export interface Removal {
  readonly key: LedgerKey;
  readonly client: string;
  /** `undefined` when nobody knows. */
  readonly receivedMs: number | undefined;
  readonly nowMs: number;
  /** The approved plan that names the file, where there is one. */
  readonly plan?: string | undefined;
  /** The same bytes are there under another type as well, as while a snapshot is forgotten or brought back. */
  readonly isSpare?: boolean;
}

/** Throws when the removal must not be. */
export type RemovalRule = (removal: Removal) => void;

/**
 * What the retention lock does not keep in its place. Locks have to go. Index files are replaced by every prune, old and young
 * alike, and can be made again from the packs; `forgotten`, `evidence` and `retention` are notes. But all except locks stay in
 * the trash at least as long as the retention lock lasts.
 */
const MAY_GO_YOUNG: ReadonlySet<FileType> = new Set(["lock", "index", "forgotten", "evidence", "retention"]);

/** The retention lock. @throws SERVER_TOO_YOUNG, SERVER_AGE_UNKNOWN */
export function minimumAge(minAgeMs: number): RemovalRule {
  return ({ key: { type }, receivedMs, nowMs }) => {
    if (minAgeMs === 0 || MAY_GO_YOUNG.has(type)) return;
    if (receivedMs === undefined) throw serverError("SERVER_AGE_UNKNOWN", { type });
    const ageMs = nowMs - receivedMs;
    if (ageMs >= minAgeMs) return;
    const until = new Date(receivedMs + minAgeMs).toISOString();
    throw serverError("SERVER_TOO_YOUNG", { type, age: days(ageMs), minAge: days(minAgeMs), until });
  };
}

/** Nothing but locks goes while the clock is in doubt. @throws SERVER_CLOCK_DOUBT */
export function trustedClock(guard: ClockGuard): RemovalRule {
  return ({ key: { type } }) => {
    const reason = type === "lock" ? undefined : guard.doubt();
    if (reason !== undefined) throw serverError("SERVER_CLOCK_DOUBT", { reason });
  };
}

/**
 * Nothing but locks goes without a plan that was approved, and a forgotten snapshot that is a snapshot again.
 * @throws SERVER_UNPLANNED
 */
export const plannedOnly: RemovalRule = ({ key: { type }, plan, isSpare = false }) => {
  if (type === "lock" || plan !== undefined || (type === "forgotten" && isSpare)) return;
  throw serverError("SERVER_UNPLANNED", { type });
};

/** Until when a removed file stays in the trash. */
export function purgeTime(removal: Removal, { graceMs, minAgeMs }: { graceMs: number; minAgeMs: number }): number {
  return Math.max(removal.nowMs + graceMs, (removal.receivedMs ?? removal.nowMs) + minAgeMs);
}

function days(ms: number): string {
  const hours = Math.max(0, ms) / 3_600_000;
  return hours < 48 ? `${hours.toFixed(1)} hours` : `${(hours / 24).toFixed(1)} days`;
}
