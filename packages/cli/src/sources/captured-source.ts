/** The newest capture of a source in a repository. */
import { isHoldfastError } from "@holdfast/base";
import {
  type BlobIndex,
  type Repository,
  type SnapshotFilter,
  type StoredSnapshot,
  displayPath,
  findSnapshot,
  listSnapshots,
  withIndexBeside,
} from "@holdfast/engine";
import type { OpenedSource } from "@holdfast/protection/configured";
import {
  type CapturedTree,
  type Recovery,
  type RecoveryTarget,
  captureFolder,
  openCaptured,
  recoveryTargetText,
  sourcesError,
} from "@holdfast/sources";
import { cliError } from "../errors.ts";
import { readJournal } from "../journal/read-journal.ts";
import type { Session } from "../repository-session.ts";
import { copiedFrom } from "../restore/copied-snapshot.ts";

export interface FoundCapture {
  readonly stored: StoredSnapshot;
  readonly index: BlobIndex;
  readonly tree: CapturedTree;
  /** What was asked for, with the journal of the source; absent when nothing was. */
  readonly recovery: Recovery | undefined;
}

export interface CaptureChoice {
  /** A certain snapshot. */
  readonly id: string | undefined;
  readonly host: string;
  /** The newest that the journal can bring there. */
  readonly until: RecoveryTarget | undefined;
  readonly signal: AbortSignal;
}

/** Snapshots with a capture of this source of the host. */
export function captureFilter({ name, kind }: Pick<OpenedSource, "name" | "kind">, host: string): SnapshotFilter {
  // Its journal has the same tags, and a path of its own.
  const paths = [captureFolder(kind.kind, name)];
  return { hosts: [host], paths, tags: [[`source:${name}`, `kind:${kind.kind}`]] };
}

/**
 * Without an id, the newest of this source and host.
 * @throws CLI_NO_CAPTURE, CLI_NO_EARLIER_CAPTURE, SOURCES_NO_JOURNAL, SOURCES_DAMAGED, and what finding a snapshot throws
 */
export async function findCapture(
  session: Session,
  { name, kind, source }: Pick<OpenedSource, "name" | "kind" | "source">,
  { id, host, until, signal }: CaptureChoice,
): Promise<FoundCapture> {
  if (until !== undefined && source.reaches === undefined) {
    throw sourcesError("SOURCES_NO_JOURNAL", { source: `source ${name}`, kind: kind.kind });
  }
  const { repository } = session;
  const filter = captureFilter({ name, kind }, host);
  const { found, index } = await withIndexBeside(
    repository,
    async (onListed, both) =>
      id === undefined
        ? listSnapshots(repository, { signal: both, onListed, filter })
        : [await named(repository, id, { signal: both, onListed, filter })],
    { signal },
  );
  const location = displayPath(repository.backend.location);
  if (found.length === 0) throw cliError("CLI_NO_CAPTURE", { name, location });
  // The newest first.
  for (const stored of found.toReversed()) {
    const tree = await openCaptured({ repository, index, snapshot: stored.snapshot }, { signal });
    if (until === undefined) return { stored, index, tree, recovery: undefined };
    // A snapshot that was named is taken: the source says what is wrong with it.
    if (id !== undefined || source.reaches?.(tree.facts, until) === true) {
      return {
        stored,
        index,
        tree,
        recovery: { journal: await readJournal(session, { name, kind }, { signal }), until },
      };
    }
  }
  throw cliError("CLI_NO_EARLIER_CAPTURE", { name, location, until: recoveryTargetText(until as RecoveryTarget) });
}

/** By its id, or by the one that it had where it was copied from. @throws as `findSnapshot` */
async function named(
  repository: Repository,
  id: string,
  options: Pick<Parameters<typeof findSnapshot>[2], "signal" | "onListed" | "filter">,
): Promise<StoredSnapshot> {
  const { signal, filter } = options;
  try {
    return (await findSnapshot(repository, id, { signal, onListed: options.onListed })).stored;
  } catch (error) {
    if (!isHoldfastError(error, "ENGINE_ID_NOT_FOUND")) throw error;
    const all = await listSnapshots(repository, { signal, filter });
    const copy = copiedFrom(all, id);
    if (copy === undefined) throw error;
    return copy;
  }
}
