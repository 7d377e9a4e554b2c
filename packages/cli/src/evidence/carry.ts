/** Snapshots that were made of incomplete ones are incomplete too. */
import type { EvidenceFields, Id, StoredSnapshot } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { evidenceIfAny } from "./known.ts";
import { type RecordPlace, recordEvidence } from "./record.ts";

/** A snapshot, and what was made of it, perhaps in another repository. */
export interface MadeSnapshot {
  readonly source: StoredSnapshot;
  readonly id: Id;
  readonly tree: Id;
}

/**
 * Records of each new snapshot that it is incomplete, if the records of `from` say so of its source. Proof is not carried: the
 * data lies elsewhere now, or is another.
 */
export async function carryIncomplete(
  context: Pick<CommandContext, "output">,
  { from, to }: { readonly from: RecordPlace; readonly to: RecordPlace },
  made: readonly MadeSnapshot[],
  { signal, run, atMs }: Pick<EvidenceFields, "run" | "atMs"> & { readonly signal: AbortSignal },
): Promise<void> {
  if (made.length === 0) return;
  const evidence = await evidenceIfAny(context, from.repository, { signal, during: run });
  const incomplete = made
    .filter(({ source }) => evidence.of(source).isIncomplete)
    .map(({ id, tree }) => ({ snapshot: id, tree }));
  await recordEvidence(context, to, { run, atMs, incomplete }, { signal });
}
