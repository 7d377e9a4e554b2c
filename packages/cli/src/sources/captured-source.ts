/** The newest capture of a source in a repository. */
import {
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

export interface FoundCapture {
  readonly stored: StoredSnapshot;
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
  // Its journal has the same tags, and a path of its own.
  const paths = [captureFolder(kind.kind, name)];
  const filter: SnapshotFilter = { hosts: [host], paths, tags: [[`source:${name}`, `kind:${kind.kind}`]] };
  const { found, index } = await withIndexBeside(
    repository,
    async (onListed, both) =>
      id === undefined
        ? listSnapshots(repository, { signal: both, onListed, filter })
        : [(await findSnapshot(repository, id, { signal: both, onListed })).stored],
    { signal },
  );
  const location = displayPath(repository.backend.location);
  if (found.length === 0) throw cliError("CLI_NO_CAPTURE", { name, location });
  // The newest first.
  for (const stored of found.toReversed()) {
    const tree = await openCaptured({ repository, index, snapshot: stored.snapshot }, { signal });
    if (until === undefined) return { stored, tree, recovery: undefined };
    // A snapshot that was named is taken: the source says what is wrong with it.
    if (id !== undefined || source.reaches?.(tree.facts, until) === true) {
      return { stored, tree, recovery: { journal: await readJournal(session, { name, kind }, { signal }), until } };
    }
  }
  throw cliError("CLI_NO_EARLIER_CAPTURE", { name, location, until: recoveryTargetText(until as RecoveryTarget) });
}
