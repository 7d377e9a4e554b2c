/** Which snapshots' data must stay: those that are there, and forgotten ones that can still be brought back. */
import { messageOf } from "@holdfast/base";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import { listSnapshots, type StoredSnapshot } from "../repository/snapshots.ts";
import { listForgotten, type ForgottenSnapshot } from "./forgotten.ts";
import { holdsOf, listHolds } from "./holds.ts";

/** How long the data of a forgotten snapshot is kept: seven days. */
export const DEFAULT_GRACE_MS = 7 * 86_400_000;

interface NeededOptions {
  readonly signal: AbortSignal;
  /** How long forgotten snapshots stay; 0 lets all expire that no hold is for. */
  readonly graceMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Every snapshot that the repository has, live or forgotten. */
export interface NeededSnapshots {
  readonly live: readonly StoredSnapshot[];
  /** Their data is needed as well. */
  readonly inGrace: readonly ForgottenSnapshot[];
  /** Their files, and what nothing else needs, may go. */
  readonly expired: readonly ForgottenSnapshot[];
}

/**
 * Sorts all snapshots by whether their data must stay. One forgotten at a time that the store does not know, or that has not
 * come yet, is in grace, and so is one that a hold is for. Needs an exclusive lock.
 * @throws when a snapshot, a forgotten one or a hold cannot be read, as it could need anything: ENGINE_WRONG_HASH,
 * ENGINE_UNAUTHENTIC, ENGINE_MALFORMED, ENGINE_FORGOTTEN_DAMAGED, ENGINE_HOLD_DAMAGED; and what the backend throws
 */
export async function neededSnapshots(
  repository: Repository,
  { signal, graceMs, nowMs }: NeededOptions,
): Promise<NeededSnapshots> {
  const holds = await listHolds(repository, { signal });
  const live = await listSnapshots(repository, { signal });
  const inGrace: ForgottenSnapshot[] = [];
  const expired: ForgottenSnapshot[] = [];
  const onDamaged = (id: Id, error: unknown): never => {
    throw engineError("ENGINE_FORGOTTEN_DAMAGED", { id, reason: messageOf(error) }, error);
  };
  for (const forgotten of await listForgotten(repository, { signal, onDamaged })) {
    const isHeld = holdsOf(holds, forgotten).length > 0;
    (isHeld || isInGrace(forgotten, graceMs, nowMs) ? inGrace : expired).push(forgotten);
  }
  return { live, inGrace, expired };
}

/** Whether the data of a forgotten snapshot must still stay, by how long ago it was forgotten. */
export function isInGrace({ forgottenAtMs }: ForgottenSnapshot, graceMs: number, nowMs: number): boolean {
  if (graceMs <= 0) return false;
  if (forgottenAtMs === undefined || forgottenAtMs > nowMs) return true;
  return nowMs - forgottenAtMs < graceMs;
}
