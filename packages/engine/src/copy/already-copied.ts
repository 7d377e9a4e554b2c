/** Which snapshots a repository has already: the same rule as restic's, so that both programs copy nothing that the other has. */
import type { Id } from "../format/id.ts";
import type { Snapshot } from "../format/snapshot.ts";
import type { StoredSnapshot } from "../repository/snapshots.ts";

/** The name that a snapshot keeps when it is copied, or changed: that of the first one. */
export function lastingName({ id, snapshot }: StoredSnapshot): Id {
  return snapshot.original ?? id;
}

export class CopiedSnapshots {
  readonly #byName = new Map<Id, StoredSnapshot[]>();

  /** @param stored all snapshots of the target */
  constructor(stored: Iterable<StoredSnapshot>) {
    for (const each of stored) this.add(each);
  }

  add(stored: StoredSnapshot): void {
    // By its own id too: a repository that was made as a file-by-file copy of another has the very same snapshots.
    for (const name of new Set([stored.id, lastingName(stored)])) {
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), stored]);
    }
  }

  /** The snapshot of the target that this one was copied to: what lasts is the same, and so is everything that can be changed. */
  find(source: StoredSnapshot): StoredSnapshot | undefined {
    return this.#byName.get(lastingName(source))?.find(({ snapshot }) => isAlike(snapshot, source.snapshot));
  }
}

/** Everything but the parent, the original, and what the program says of itself. */
function isAlike(a: Snapshot, b: Snapshot): boolean {
  return (
    a.timeNs === b.timeNs &&
    a.tree === b.tree &&
    a.hostname === b.hostname &&
    a.username === b.username &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    hasSame(a.paths, b.paths) &&
    hasSame(a.tags, b.tags) &&
    a.excludes.length === b.excludes.length &&
    a.excludes.every((exclude, n) => exclude === b.excludes[n])
  );
}

/** The same texts in any order. */
function hasSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && b.every((text) => a.includes(text));
}
