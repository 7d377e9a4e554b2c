/** Records what a run found out about snapshots. That it could not be recorded is told, and never fails the run. */
import { hostname } from "node:os";
import { messageOf } from "@holdfast/base";
import { type EvidenceFields, saveEvidence } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import type { Session } from "../repository-session.ts";
import { programVersion } from "../version.ts";

/** What was found out, by which kind of run, and since when it looked. */
export type Findings = Pick<EvidenceFields, "run" | "beganAtMs"> &
  Partial<Pick<EvidenceFields, "proven" | "damaged" | "incomplete">>;

/** Where a record goes: only under a lock, as a prune may be tidying records away. */
export type RecordPlace = Pick<Session, "repository" | "isLocked">;

/** Records it in the repository, unless it is about no snapshot, or the run held no lock (which --verbose tells). */
export async function recordEvidence(
  { output }: Pick<CommandContext, "output">,
  { repository, isLocked }: RecordPlace,
  { proven = [], damaged = [], incomplete = [], ...run }: Findings,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  if (proven.length + damaged.length + incomplete.length === 0) return;
  if (!isLocked) return output.message("what this run found out is not recorded, as it held no lock", 1);
  const by = { hostname: hostname(), programVersion: `holdfast ${programVersion()}` };
  // A clock may be put back meanwhile.
  const endedAtMs = Math.max(run.beganAtMs, Date.now());
  try {
    await saveEvidence(repository, { ...run, endedAtMs, ...by, proven, damaged, incomplete }, { signal });
  } catch (error) {
    signal.throwIfAborted();
    warnUnrecorded({ output }, error);
  }
}

/** Says that there is no record of a run, and why. */
export function warnUnrecorded({ output }: Pick<CommandContext, "output">, error: unknown): void {
  output.warn(`what this run found out about snapshots is not recorded: ${messageOf(error)}`, { during: "evidence" });
}
