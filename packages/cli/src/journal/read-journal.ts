/** The journal of a source in a repository. */
import { listSnapshots, withIndexBeside } from "@holdfast/engine";
import type { OpenedSource } from "@holdfast/protection/configured";
import { StoredJournal, journalFolder } from "@holdfast/sources";
import type { Session } from "../repository-session.ts";

/** @throws what reading the repository throws, but damage, which shows as what is missing */
export async function readJournal(
  { repository }: Session,
  { name, kind }: Pick<OpenedSource, "name" | "kind">,
  { signal }: { signal: AbortSignal },
): Promise<StoredJournal> {
  const folder = journalFolder(kind.kind, name);
  const { found: snapshots, index } = await withIndexBeside(
    repository,
    (onListed, both) =>
      listSnapshots(repository, { signal: both, onListed, onDamaged: () => {}, filter: { paths: [folder] } }),
    { signal },
  );
  return StoredJournal.open({ repository, index, snapshots, folder }, { signal });
}
