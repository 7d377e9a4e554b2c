/** The journal of a source as the snapshots of a repository have it together. */
import { isHoldfastError } from "@holdfast/base";
import {
  type AlreadyStored,
  BlobReader,
  type StoredSnapshot,
  type TreeNode,
  TreeReader,
  dumpFile,
  idToBytes,
  resolvePath,
} from "@holdfast/engine";
import type { CallOptions } from "../contract/source.ts";
import type { JournalReader, StoredJournalFile } from "../contract/journal.ts";
import { sourcesError } from "../errors.ts";
import { PARTIAL } from "./journal-folder.ts";
import { type JournalContent, type JournalHead, isJournal, journalHeads } from "./journal-heads.ts";
import { type JournalRecord, MAX_RECORD_BYTES, RECORD_FILE, decodeJournalRecord } from "./journal-record.ts";

/** A folder of a stream: as each head has it that has it. */
export type FolderVersions = readonly TreeNode[];

interface Parts extends AlreadyStored {
  /** `journalFolder` of the source. */
  readonly folder: string;
  /** Called for what the repository has lost; it counts as absent. */
  readonly onLost?: (what: string) => void;
}

export class StoredJournal implements JournalReader {
  /** Newest first; none before the first push. */
  readonly heads: readonly JournalHead[];
  /** All of its snapshots. */
  readonly snapshots: readonly StoredSnapshot[];
  /** By stream and name: the folders as each head has them. */
  readonly folders: ReadonlyMap<string, ReadonlyMap<string, FolderVersions>>;
  readonly #parts: Parts;
  readonly #trees: TreeReader;
  readonly #listed = new Map<string, Promise<ReadonlyMap<string, TreeNode>>>();

  private constructor(parts: Parts, trees: TreeReader, heads: readonly JournalHead[]) {
    this.#parts = parts;
    this.#trees = trees;
    this.heads = heads;
    this.snapshots = parts.snapshots;
    this.folders = foldersOf(heads);
  }

  /** @param parts of `snapshots`, those of other things are passed over @throws what reading the repository throws, but damage */
  static async open(parts: Parts, options: CallOptions): Promise<StoredJournal> {
    const trees = new TreeReader(new BlobReader(parts.repository, parts.index));
    const snapshots = parts.snapshots.filter(({ snapshot }) => isJournal(snapshot, parts.folder));
    const heads = await journalHeads(snapshots, (stored) => readContent(parts, trees, stored, options));
    return new StoredJournal({ ...parts, snapshots }, trees, heads);
  }

  /** Until when the journal was known to be current; `undefined` before the first push. Milliseconds since 1970. */
  get currentAtMs(): number | undefined {
    const times = this.heads.flatMap(({ record }) => (record === undefined ? [] : [Date.parse(record.currentAt)]));
    return times.length === 0 ? undefined : Math.max(...times);
  }

  async streams(): Promise<readonly string[]> {
    return [...this.folders.keys()].sort();
  }

  async files(stream: string, options: CallOptions): Promise<readonly StoredJournalFile[]> {
    return [...(await this.#nodes(stream, options)).values()].map((node) => describeNode(node));
  }

  async *read(stream: string, name: string, options: CallOptions): AsyncGenerator<Uint8Array> {
    const node = (await this.#nodes(stream, options)).get(name);
    if (node === undefined) throw sourcesError("SOURCES_NO_JOURNAL_FILE", { name });
    yield* this.content(node, options);
  }

  /** The content of a file's node. */
  content(node: TreeNode, options: CallOptions): AsyncGenerator<Uint8Array> {
    return dumpFile(this.#parts.repository, this.#parts.index, node, options);
  }

  /**
   * What all versions of a folder have together, by name; a finished file takes the place of its beginning. What is lost is left out, and
   * told.
   */
  async unite(versions: FolderVersions, options: CallOptions): Promise<Map<string, TreeNode>> {
    const united = new Map<string, TreeNode>();
    for (const { subtree, name } of versions) {
      if (subtree === undefined) continue;
      const what = `the folder ${name} of the journal`;
      const nodes = await orLost(() => this.#trees.load(subtree, options), what, this.#parts, options);
      for (const node of nodes ?? []) {
        if (this.#isThere(node)) addNode(united, node);
        else this.#parts.onLost?.(`${node.name} in the journal`);
      }
    }
    return united;
  }

  #isThere({ content }: TreeNode): boolean {
    return content?.every((id) => this.#parts.index.has("data", idToBytes(id), 0)) ?? true;
  }

  #nodes(stream: string, options: CallOptions): Promise<ReadonlyMap<string, TreeNode>> {
    const known = this.#listed.get(stream);
    if (known !== undefined) return known;
    const listing = this.#list(stream, options);
    this.#listed.set(stream, listing);
    return listing;
  }

  async #list(stream: string, options: CallOptions): Promise<ReadonlyMap<string, TreeNode>> {
    const all: [string, TreeNode][] = [];
    for (const versions of this.folders.get(stream)?.values() ?? []) {
      for (const [name, node] of await this.unite(versions, options)) all.push([name, node]);
    }
    return new Map(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function foldersOf(heads: readonly JournalHead[]): Map<string, Map<string, FolderVersions>> {
  const all = new Map<string, Map<string, TreeNode[]>>();
  for (const { streams } of heads) {
    for (const [stream, nodes] of streams) {
      const folders = all.get(stream) ?? new Map<string, TreeNode[]>();
      all.set(stream, folders);
      for (const node of nodes) {
        const versions = folders.get(node.name) ?? [];
        if (!versions.some(({ subtree }) => subtree === node.subtree)) versions.push(node);
        folders.set(node.name, versions);
      }
    }
  }
  return all;
}

/** The name in the journal of a stored file. */
export function journalName({ name }: Pick<TreeNode, "name">): string {
  return name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : name;
}

export function isPartialNode({ name }: Pick<TreeNode, "name">): boolean {
  return name.endsWith(PARTIAL);
}

function describeNode(node: TreeNode): StoredJournalFile {
  return {
    name: journalName(node),
    isPartial: isPartialNode(node),
    sizeBytes: node.size,
    changedAtMs: Number(node.mtimeNs / 1_000_000n),
  };
}

/** Of a finished file and its beginnings the finished one stays, of two beginnings the longer one. */
function addNode(united: Map<string, TreeNode>, node: TreeNode): void {
  if (node.type !== "file") return;
  const name = journalName(node);
  const other = united.get(name);
  if (other !== undefined && !replaces(node, other)) return;
  united.set(name, node);
}

/** Whether a file takes the place of another of the same name. */
function replaces(node: TreeNode, other: TreeNode): boolean {
  if (!isPartialNode(other)) return false;
  return !isPartialNode(node) || node.size > other.size;
}

async function readContent(
  parts: Parts,
  trees: TreeReader,
  stored: StoredSnapshot,
  options: CallOptions,
): Promise<JournalContent> {
  const streams = new Map<string, readonly TreeNode[]>();
  let isWhole = true;
  const partParts = {
    ...parts,
    onLost: (what: string) => {
      isWhole = false;
      parts.onLost?.(what);
    },
  };
  const what = `the journal in snapshot ${stored.id.slice(0, 8)}`;
  const load = async (): Promise<TreeNode[]> => {
    const found = await resolvePath(trees, stored.snapshot.tree, parts.folder, options);
    return found.kind === "tree" ? trees.load(found.id, options) : [];
  };
  const nodes = (await orLost(load, what, partParts, options)) ?? [];
  for (const { name, subtree } of nodes) {
    if (subtree === undefined) continue;
    const folders = (await orLost(() => trees.load(subtree, options), what, partParts, options)) ?? [];
    const there = folders.filter((node) => isThere(parts, node));
    if (there.length < folders.length) partParts.onLost(what);
    streams.set(name, there);
  }
  const file = nodes.find(({ name }) => name === RECORD_FILE);
  const record = await orLost(() => readRecord(parts, file, options), `${RECORD_FILE} of ${what}`, partParts, options);
  return { record, streams, isWhole };
}

function isThere({ index }: Parts, { subtree }: TreeNode): boolean {
  return subtree !== undefined && index.has("tree", idToBytes(subtree), 0);
}

async function readRecord(
  { repository, index }: Parts,
  node: TreeNode | undefined,
  options: CallOptions,
): Promise<JournalRecord> {
  if (node?.type !== "file" || node.size > MAX_RECORD_BYTES) {
    throw sourcesError("SOURCES_DAMAGED", { what: RECORD_FILE, reason: "it is not there, or too large" });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of dumpFile(repository, index, node, options)) pieces.push(piece);
  return decodeJournalRecord(Buffer.concat(pieces));
}

/** A journal goes on also where an older part of it is lost, which shows as a gap. @throws what is no damage */
async function orLost<T>(
  load: () => Promise<T>,
  what: string,
  { onLost }: Pick<Parts, "onLost">,
  { signal }: CallOptions,
): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    signal.throwIfAborted();
    const gone = ["STORAGE_NOT_FOUND", "ENGINE_PATH_NOT_FOUND"];
    if (!isHoldfastError(error) || (error.kind !== "corrupt" && !gone.includes(error.code))) throw error;
    onLost?.(what);
    return undefined;
  }
}
