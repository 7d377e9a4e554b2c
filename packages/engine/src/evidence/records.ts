/**
 * Records of evidence in a repository: each says what one run found out about snapshots. They are only ever added to; `tidy.ts`
 * removes those that say nothing any more. Nothing that is stored needs them, and nothing fails because of them.
 */
import { isHoldfastError, mapConcurrent } from "@holdfast/base";
import type { FileInfo } from "@holdfast/storage";
import {
  MAX_EVIDENCE_BYTES,
  MAX_SUBJECTS,
  decodeEvidence,
  encodeEvidence,
  type EvidenceFields,
  type EvidenceSubject,
  type Verdict,
} from "../format/evidence.ts";
import type { Id } from "../format/id.ts";
import type { Repository } from "../repository/repository.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** A record that was read. */
export interface EvidenceRecord extends EvidenceFields {
  readonly id: Id;
  /** When the store received it; `undefined` where the store cannot tell. */
  readonly receivedAtMs: number | undefined;
}

interface ListOptions {
  readonly signal: AbortSignal;
  /** Called for a record that cannot be read: what it says is not known, be it good or bad. */
  readonly onDamaged: (id: Id, error: unknown) => void;
}

const PARALLEL_LOADS = 8;

/** Snapshots as a record names them. */
export function subjectsOf(snapshots: readonly StoredSnapshot[]): EvidenceSubject[] {
  return snapshots.map(({ id, snapshot }) => ({ snapshot: id, tree: snapshot.tree }));
}

/** Every record that can be read, in no certain order. @throws what the backend throws when it is out of reach */
export async function listEvidence(
  repository: Repository,
  { signal, onDamaged }: ListOptions,
): Promise<EvidenceRecord[]> {
  const load = async (
    { id, receivedAtMs }: FileInfo & { id: Id },
    inner: AbortSignal,
  ): Promise<EvidenceRecord | undefined> => {
    try {
      const limits = { signal: inner, maxBytes: MAX_EVIDENCE_BYTES };
      const fields = decodeEvidence(await repository.loadDocument("evidence", id, limits), `evidence ${id}`);
      return { id, receivedAtMs, ...fields };
    } catch (error) {
      if (!isHoldfastError(error) || inner.aborted) throw error;
      // Tidied away by another client between the listing and the reading.
      if (error.kind === "not-found") return undefined;
      if (error.kind !== "corrupt" && error.kind !== "permission") throw error;
      onDamaged(id, error);
      return undefined;
    }
  };
  const found = await mapConcurrent(repository.files("evidence", { signal }), PARALLEL_LOADS, load, { signal });
  return found.filter((record) => record !== undefined);
}

/**
 * Records what a run found out; nothing when that is about no snapshot. More snapshots than one record may name take several.
 * Needs a shared lock, so that nothing is being tidied away meanwhile.
 * @throws what the backend throws
 */
export async function saveEvidence(
  repository: Repository,
  fields: EvidenceFields,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const found = (["proven", "damaged", "incomplete"] as const).flatMap((verdict) =>
    fields[verdict].map((subject) => ({ verdict, subject })),
  );
  for (let from = 0; from < found.length; from += MAX_SUBJECTS) {
    const part = found.slice(from, from + MAX_SUBJECTS);
    const of = (wanted: Verdict): EvidenceSubject[] =>
      part.filter(({ verdict }) => verdict === wanted).map(({ subject }) => subject);
    const some = { ...fields, proven: of("proven"), damaged: of("damaged"), incomplete: of("incomplete") };
    await repository.saveDocument("evidence", encodeEvidence(some), { signal });
  }
}
