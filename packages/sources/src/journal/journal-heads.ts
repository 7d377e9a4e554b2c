/** Which snapshots of a journal together hold all of it. */
import type { Snapshot, StoredSnapshot, TreeNode } from "@holdfast/engine";
import type { JournalRecord } from "./journal-record.ts";

/** What a snapshot of a journal holds, as far as it can be read. */
export interface JournalContent {
  readonly record: JournalRecord | undefined;
  /** The folders of each stream. */
  readonly streams: ReadonlyMap<string, readonly TreeNode[]>;
  /** False when something of it is lost: what it included has to be taken from where it was included from. */
  readonly isWhole: boolean;
}

/** One that no other includes. */
export interface JournalHead extends JournalContent {
  readonly stored: StoredSnapshot;
}

/** The id that a snapshot had when it was made: a copy, and one whose tags were changed, name it. */
export function firstId({ id, snapshot }: StoredSnapshot): string {
  return snapshot.original ?? id;
}

/** Whether a snapshot holds the journal of this folder, and nothing else. */
export function isJournal({ paths }: Pick<Snapshot, "paths">, folder: string): boolean {
  return paths.length === 1 && paths[0] === folder;
}

/**
 * The snapshots of a journal that no other includes, newest first. There is one, but for the time in which several are pushing.
 * @param snapshots of this journal, in any order
 */
export async function journalHeads(
  snapshots: readonly StoredSnapshot[],
  read: (stored: StoredSnapshot) => Promise<JournalContent>,
): Promise<JournalHead[]> {
  const heads: JournalHead[] = [];
  const included = new Set<string>();
  for (const stored of newestFirst(snapshots)) {
    if (included.has(firstId(stored)) || included.has(stored.id)) continue;
    const content = await read(stored);
    heads.push({ stored, ...content });
    if (content.isWhole) for (const id of content.record?.includes ?? []) included.add(id);
  }
  // Of two with wrong times, the older may include the newer.
  return heads.filter(({ stored }) => !included.has(firstId(stored)) && !included.has(stored.id));
}

/** The first ids of all snapshots whose files these heads have together, of those that are there. */
export function includedIds(heads: readonly JournalHead[], snapshots: readonly StoredSnapshot[]): string[] {
  const whole = heads.filter(({ isWhole }) => isWhole);
  const ids = new Set(whole.flatMap(({ stored, record }) => [firstId(stored), ...(record?.includes ?? [])]));
  return snapshots.map(firstId).filter((id) => ids.has(id));
}

/** In the order in which retention sees them, the newest first. */
export function newestFirst(snapshots: readonly StoredSnapshot[]): StoredSnapshot[] {
  return snapshots.toSorted((a, b) =>
    a.snapshot.timeNs === b.snapshot.timeNs ? (a.id < b.id ? 1 : -1) : a.snapshot.timeNs < b.snapshot.timeNs ? 1 : -1,
  );
}
