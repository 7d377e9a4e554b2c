/** Snapshots that were made of incomplete ones are incomplete too. */
import { type EvidenceFields, type StoredSnapshot, subjectsOf } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { evidenceIfAny } from "./known.ts";
import { type RecordPlace, recordEvidence } from "./record.ts";

/** A snapshot, and what was made of it, perhaps in another repository. */
export interface MadeSnapshot {
  readonly source: StoredSnapshot;
  readonly made: StoredSnapshot;
}

interface Repositories {
  readonly from: Pick<RecordPlace, "repository">;
  readonly to: RecordPlace;
}

/**
 * Records of each new snapshot that it is incomplete, if `from` knows that of its source and `to` does not yet. Proof is not
 * carried: the data lies elsewhere now, or is another.
 */
export async function carryIncomplete(
  context: Pick<CommandContext, "output">,
  { from, to }: Repositories,
  pairs: readonly MadeSnapshot[],
  { signal, run, beganAtMs }: Pick<EvidenceFields, "run" | "beganAtMs"> & { readonly signal: AbortSignal },
): Promise<void> {
  if (pairs.length === 0) return;
  const options = { signal, during: run };
  const ofSources = await evidenceIfAny(context, from.repository, options);
  const concerned = pairs.filter(({ source }) => ofSources.of(source).isIncomplete).map(({ made }) => made);
  if (concerned.length === 0) return;
  const ofMade = from.repository === to.repository ? ofSources : await evidenceIfAny(context, to.repository, options);
  const incomplete = subjectsOf(concerned.filter((made) => !ofMade.of(made).isIncomplete));
  await recordEvidence(context, to, { run, beganAtMs, incomplete }, { signal });
}
