/** Stores a snapshot that lacks what could not be read, together with the word that it does. */
import { bytesSource } from "@holdfast/storage";
import type { Id } from "../format/id.ts";
import { encodeSnapshot, type SnapshotFields } from "../format/snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { saveEvidence } from "./records.ts";

interface SaveOptions {
  readonly signal: AbortSignal;
  /** Called when the record could not be stored. The snapshot is stored all the same. */
  readonly onUnrecorded: (error: unknown) => void;
}

/**
 * Stores the record first: a run that is cut off in between leaves a record of no snapshot, and never a snapshot that passes for
 * complete. @throws what the backend throws for the snapshot; the signal's reason
 */
export async function saveIncompleteSnapshot(
  repository: Repository,
  snapshot: SnapshotFields,
  { signal, onUnrecorded }: SaveOptions,
): Promise<Id> {
  const { id, sealed } = repository.sealDocument(encodeSnapshot(snapshot));
  const { hostname, programVersion, tree } = snapshot;
  const incomplete = [{ snapshot: id, tree }];
  const nowMs = Date.now();
  const times = { beganAtMs: nowMs, endedAtMs: nowMs };
  const fields = { run: "backup", ...times, hostname, programVersion, proven: [], damaged: [], incomplete } as const;
  try {
    await saveEvidence(repository, fields, { signal });
  } catch (error) {
    signal.throwIfAborted();
    onUnrecorded(error);
  }
  await repository.backend.save({ type: "snapshot", name: id }, bytesSource(sealed), { signal });
  return id;
}
