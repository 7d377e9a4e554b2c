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
import { type CapturedTree, captureFolder, openCaptured } from "@holdfast/sources";
import { cliError } from "../errors.ts";
import type { Session } from "../repository-session.ts";

export interface FoundCapture {
  readonly stored: StoredSnapshot;
  readonly tree: CapturedTree;
}

/**
 * @param id a certain snapshot; without it, the newest of this source and host
 * @throws CLI_NO_CAPTURE, SOURCES_DAMAGED, and what finding a snapshot throws
 */
export async function findCapture(
  { repository }: Session,
  { name, kind }: Pick<OpenedSource, "name" | "kind">,
  { id, host, signal }: { id: string | undefined; host: string; signal: AbortSignal },
): Promise<FoundCapture> {
  // Its journal has the same tags, and a path of its own.
  const paths = [captureFolder(kind.kind, name)];
  const filter: SnapshotFilter = { hosts: [host], paths, tags: [[`source:${name}`, `kind:${kind.kind}`]] };
  const { found: stored, index } = await withIndexBeside(
    repository,
    async (onListed, both) =>
      id === undefined
        ? (await listSnapshots(repository, { signal: both, onListed, filter })).at(-1)
        : (await findSnapshot(repository, id, { signal: both, onListed })).stored,
    { signal },
  );
  if (stored === undefined) {
    throw cliError("CLI_NO_CAPTURE", { name, location: displayPath(repository.backend.location) });
  }
  return { stored, tree: await openCaptured({ repository, index, snapshot: stored.snapshot }, { signal }) };
}
