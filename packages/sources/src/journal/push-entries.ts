/**
 * A journal snapshot as the engine takes it: all that the newest ones have, as it is, and the new files. Only the folders of new files
 * are written anew.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type GivenEntry, type Repository, type TreeNode, contentIds } from "@holdfast/engine";
import type { JournalFile, JournalFormat, JournalNeed } from "../contract/journal.ts";
import type { CallOptions } from "../contract/source.ts";
import { sourcesError } from "../errors.ts";
import { PARTIAL } from "./journal-folder.ts";
import { isKept } from "./journal-needs.ts";
import { type StoredJournal, isPartialNode, journalName } from "./stored-journal.ts";

/** What becomes of each file that is pushed. */
export interface PushPlan {
  /** To be stored, by their places: stream, folder, name. */
  readonly added: readonly JournalFile[];
  /** In the repository already. */
  readonly present: readonly JournalFile[];
}

interface PlanParts {
  readonly repository: Repository;
  readonly journal: StoredJournal;
  readonly format: JournalFormat;
}

/**
 * Compares the files with what is stored.
 * @throws SOURCES_JOURNAL_DIFFERS for a finished file of which the repository has another
 */
export async function planPush(
  { repository, journal, format }: PlanParts,
  files: readonly JournalFile[],
  options: CallOptions,
): Promise<PushPlan> {
  const { folders } = journal;
  const added: JournalFile[] = [];
  const present: JournalFile[] = [];
  for (const file of files) {
    const versions = folders.get(file.stream)?.get(format.folderOf(file.name)) ?? [];
    const stored = (await journal.unite(versions, options)).get(file.name);
    const isNew = stored === undefined || (await isToBeStored({ repository, journal }, file, stored, options));
    (isNew ? added : present).push(file);
  }
  return { added, present };
}

/** Whether a file brings something that the stored one does not have. */
async function isToBeStored(
  parts: Pick<PlanParts, "repository" | "journal">,
  file: JournalFile,
  stored: TreeNode,
  options: CallOptions,
): Promise<boolean> {
  if (isPartialNode(stored)) return !file.isPartial || file.usedBytes > stored.size;
  // What is finished says all that its beginning could.
  if (file.isPartial) return false;
  if (await hasContent(parts, file, stored, options)) return false;
  throw sourcesError("SOURCES_JOURNAL_DIFFERS", { name: file.name });
}

async function hasContent(
  { repository, journal }: Pick<PlanParts, "repository" | "journal">,
  file: JournalFile,
  stored: TreeNode,
  options: CallOptions,
): Promise<boolean> {
  if (file.usedBytes !== stored.size) return false;
  const ids = await contentIds(repository.config.chunkerPolynomial, contentOf(file, options));
  if (ids.length === stored.content?.length && ids.every((id, at) => id === stored.content?.[at])) return true;
  // Another program may have cut it elsewhere.
  return (await hashOf(contentOf(file, options))) === (await hashOf(journal.content(stored, options)));
}

interface EntryParts extends PlanParts {
  readonly folder: string;
  readonly added: readonly JournalFile[];
  /** Nothing is left out without them. */
  readonly keptFrom: readonly JournalNeed[] | undefined;
}

/** All entries but the record. */
export async function* journalEntries(
  { journal, format, folder, added, keptFrom }: EntryParts,
  options: CallOptions,
): AsyncGenerator<GivenEntry> {
  const newFolders = Map.groupBy(added, ({ stream, name }) => placeOf(stream, format.folderOf(name)));
  for (const [stream, stored] of journal.folders) {
    for (const [name, versions] of stored) {
      const place = placeOf(stream, name);
      const files = newFolders.get(place) ?? [];
      newFolders.delete(place);
      const [only] = versions;
      const path = `${folder}/${place}`;
      if (versions.length === 1 && only !== undefined && files.length === 0 && keptFrom === undefined) {
        yield { kind: "stored", path, node: only };
        continue;
      }
      const nodes = await journal.unite(versions, options);
      for (const file of files) {
        const other = nodes.get(file.name);
        if (other !== undefined && isPartialNode(other)) nodes.delete(file.name);
      }
      for (const node of nodes.values()) {
        const isLeft = keptFrom !== undefined && !isKept(format, keptFrom, stream, journalName(node));
        if (!isLeft) yield { kind: "stored", path: `${path}/${node.name}`, node };
      }
      yield* files.map((file) => entryOf(file, path, options));
    }
  }
  for (const [place, files] of newFolders) yield* files.map((file) => entryOf(file, `${folder}/${place}`, options));
}

function entryOf(file: JournalFile, folder: string, options: CallOptions): GivenEntry {
  const name = file.isPartial ? file.name + PARTIAL : file.name;
  // It has all that is in the database.
  const metadata = { mode: 0o600, mtimeNs: file.changedAtNs };
  return { kind: "file", path: `${folder}/${name}`, content: contentOf(file, options), ...metadata };
}

function placeOf(stream: string, folder: string): string {
  return `${stream}/${folder}`;
}

async function* contentOf({ path, usedBytes }: JournalFile, { signal }: CallOptions): AsyncGenerator<Uint8Array> {
  if (usedBytes === 0) return;
  let total = 0;
  for await (const piece of createReadStream(path, { end: usedBytes - 1, highWaterMark: 1024 * 1024, signal })) {
    const bytes = piece as Uint8Array;
    total += bytes.length;
    yield bytes;
  }
  // A file that became shorter was not what it was looked at for.
  if (total !== usedBytes) throw sourcesError("SOURCES_NOT_JOURNAL", { path, reason: "it became shorter meanwhile" });
}

async function hashOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of content) hash.update(piece);
  return hash.digest("hex");
}
