/** What is kept whatever the rules say, as far as it depends on the other snapshots. */
import { type Entry, instantText } from "./entry.ts";
import type { Judgement } from "./judge.ts";
import type { SafetyFloors } from "./policy.ts";
import type { Zone } from "./zone.ts";

interface FloorOptions {
  readonly floors: SafetyFloors;
  readonly zone: Zone;
}

/** Adds a reason to everything that a floor keeps. @param entries newest first */
export function applyFloors(
  entries: readonly Entry[],
  judgements: readonly Judgement[],
  { floors, zone }: FloorOptions,
): void {
  if (floors.newest ?? true) judgements[0]?.kept.push("floor: it is the newest");
  if (floors.newestVerified) keepVerified(entries, judgements, zone);
  keepAtLeast(entries, judgements, floors);
}

function keepVerified(entries: readonly Entry[], judgements: readonly Judgement[], zone: Zone): void {
  for (const [at, { candidate, local }] of entries.entries()) {
    if (candidate.verifiedAtMs === undefined) continue;
    const when = instantText(candidate.verifiedAtMs, { zone, ownOffset: local.offsetSeconds });
    judgements[at]?.kept.push(`floor: it is the newest that is verified (${when})`);
    return;
  }
}

const INCOMPLETE = "floor: it is incomplete or damaged, and so is none of the complete ones that are kept";

/** The newest complete ones. Spares, of the same day, do not count: they would take the places of real ones. */
function keepAtLeast(
  entries: readonly Entry[],
  judgements: readonly Judgement[],
  { atLeast, spares = 0 }: SafetyFloors,
): void {
  let counted = 0;
  let sparesLeft = 0;
  let day: number | undefined;
  for (const [at, { candidate, local }] of entries.entries()) {
    if (candidate.complete === false) {
      if (counted < atLeast) judgements[at]?.lost.push(INCOMPLETE);
      continue;
    }
    const isSpare = local.days === day && sparesLeft > 0;
    if (!isSpare && counted === atLeast) return;
    counted += isSpare ? 0 : 1;
    sparesLeft = isSpare ? sparesLeft - 1 : spares;
    day = local.days;
    const place = isSpare ? `a spare beside number ${counted}` : `number ${counted}`;
    judgements[at]?.kept.push(`floor: it is ${place} of at least ${atLeast} complete ones`);
  }
}
