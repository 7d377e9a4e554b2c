/**
 * A repository of many millions of blobs that costs few bytes: index files and trees are real, and so are some small packs whose
 * blobs are to be moved. All other packs of data exist only in lists: a prune never reads them.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Backend,
  bytesSource,
  type CallOptions,
  type FileInfo,
  type FileKey,
  type FileType,
  ForwardingBackend,
  openLocal,
} from "@holdfast/storage";
import { idFromBytes, idOf, parseId, type Id } from "../../../src/format/id.ts";
import { encodePackHeader, packHeaderBytes, type PackEntry } from "../../../src/format/pack-header.ts";
import { IndexFileBuilder, type IndexedPack } from "../../../src/index/index-file.ts";
import { Repository } from "../../../src/repository/repository.ts";
import { saveSnapshot } from "../../../src/repository/snapshots.ts";
import { noise } from "../../backup-lab.ts";
import { signal } from "../../made-repository.ts";

export const BLOBS_PER_PACK = 100;
const LISTED_BLOB_BYTES = 100_000;
const REAL_BLOB_BYTES = 100;
/** Of so many packs one is real. */
const REAL_EVERY = 50;
const TREE_FILES = 10;
const FILE_PARTS = 1_000;

/** Ids that are as random as SHA-256, cheaply and repeatably. */
function listedId(n: number): Id {
  const bytes = new Uint8Array(32);
  let state = Math.imul(n + 1, 0x9e3779b1);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < 32; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) ^ n;
    view.setInt32(at, state);
  }
  return idFromBytes(bytes);
}

function realBlob(n: number): Uint8Array {
  const bytes = noise(REAL_BLOB_BYTES, 1);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

function isReal(pack: number): boolean {
  return pack % REAL_EVERY === 0;
}

/** Every tenth pack is not needed at all; of the others nine tenths of the blobs are. */
function isNeeded(blob: number): boolean {
  const pack = Math.floor(blob / BLOBS_PER_PACK);
  return pack % 10 !== 9 && blob % 10 !== 3;
}

export function openLarge(folder: string, packs: number): Repository {
  const backend = new ListedPacks(openLocal(join(folder, "repository")), packs);
  return new Repository({
    backend,
    config: { version: 2, id: parseId("cd".repeat(32)), chunkerPolynomial: 0x3da3358b4dc173n },
    masterKey: { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) },
    keyId: parseId("ef".repeat(32)),
  });
}

/** Makes it on disk, for `openLarge`. @returns how many blobs of data are needed */
export async function makeLarge(folder: string, packs: number): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const repository = openLarge(folder, packs);
  await repository.backend.initialize({ signal });
  writeFileSync(join(folder, "repository", "config"), "none");
  const builder = new IndexFileBuilder();
  const list = async (pack: IndexedPack): Promise<void> => {
    const full = builder.add(pack);
    if (full !== undefined) await repository.saveDocument("index", full, { signal });
  };
  let needed = 0;
  const trees = new Trees(repository, list);
  for (let pack = 0; pack < packs; pack++) {
    const first = pack * BLOBS_PER_PACK;
    const made = isReal(pack) ? await storeReal(repository, first) : listedPack(pack, first);
    await list(made);
    for (const [n, { id }] of made.blobs.entries()) {
      if (!isNeeded(first + n)) continue;
      needed++;
      await trees.add(id);
    }
  }
  const tree = await trees.finish();
  const rest = builder.takeRest();
  if (rest !== undefined) await repository.saveDocument("index", rest, { signal });
  await saveSnapshot(repository, { ...SNAPSHOT, tree }, { signal });
  return needed;
}

function listedPack(pack: number, first: number): IndexedPack {
  const blobs = Array.from({ length: BLOBS_PER_PACK }, (_, n) => ({
    id: listedId(first + n),
    type: "data" as const,
    offset: n * LISTED_BLOB_BYTES,
    lengthBytes: LISTED_BLOB_BYTES,
    uncompressedBytes: 0,
  }));
  return { id: listedPackId(pack), blobs };
}

function listedPackId(pack: number): Id {
  return idOf(Buffer.from(`pack ${pack}`));
}

async function storeReal(repository: Repository, first: number): Promise<IndexedPack> {
  const plain = Array.from({ length: BLOBS_PER_PACK }, (_, n) => realBlob(first + n));
  return storePack(repository, "data", plain);
}

async function storePack(
  repository: Repository,
  type: "data" | "tree",
  blobs: readonly Uint8Array[],
): Promise<IndexedPack> {
  const parts: Uint8Array[] = [];
  const entries: PackEntry[] = [];
  let offset = 0;
  for (const plain of blobs) {
    const sealed = repository.sealer.seal(plain);
    entries.push({ type, id: idOf(plain), offset, lengthBytes: sealed.length, plainBytes: 0 });
    parts.push(sealed);
    offset += sealed.length;
  }
  const header = repository.sealer.seal(encodePackHeader(entries));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const bytes = Buffer.concat([...parts, header, length]);
  const id = idOf(bytes);
  await repository.backend.save({ type: "pack", name: id }, bytesSource(bytes), { signal });
  return { id, blobs: entries.map(({ plainBytes, ...blob }) => ({ ...blob, uncompressedBytes: plainBytes })) };
}

/** Collects parts into files, files into trees, trees into packs; a root above all. */
class Trees {
  readonly #repository: Repository;
  readonly #list: (pack: IndexedPack) => Promise<void>;
  readonly #subtrees: Id[] = [];
  #parts: Id[] = [];
  #files: string[] = [];
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(repository: Repository, list: (pack: IndexedPack) => Promise<void>) {
    this.#repository = repository;
    this.#list = list;
  }

  async add(id: Id): Promise<void> {
    this.#parts.push(id);
    if (this.#parts.length === FILE_PARTS) await this.#endFile();
  }

  async finish(): Promise<Id> {
    await this.#endFile();
    await this.#endTree();
    const nodes = this.#subtrees.map((id, n) => `{"name":"d${n}","type":"dir",${FACTS},"subtree":"${id}"}`);
    const root = Buffer.from(`{"nodes":[${nodes.join(",")}]}\n`);
    await this.#store(root);
    await this.#endPack();
    return idOf(root);
  }

  async #endFile(): Promise<void> {
    const content = this.#parts.map((id) => `"${id}"`).join(",");
    this.#files.push(`{"name":"f${this.#files.length}","type":"file",${FACTS},"content":[${content}]}`);
    this.#parts = [];
    if (this.#files.length === TREE_FILES) await this.#endTree();
  }

  async #endTree(): Promise<void> {
    const tree = Buffer.from(`{"nodes":[${this.#files.join(",")}]}\n`);
    this.#files = [];
    this.#subtrees.push(idOf(tree));
    await this.#store(tree);
  }

  async #store(tree: Uint8Array): Promise<void> {
    this.#pending.push(tree);
    this.#pendingBytes += tree.length;
    if (this.#pendingBytes > 16 * 1024 * 1024) await this.#endPack();
  }

  async #endPack(): Promise<void> {
    if (this.#pending.length > 0) await this.#list(await storePack(this.#repository, "tree", this.#pending));
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}

/** Adds the packs that exist only in lists. */
class ListedPacks extends ForwardingBackend {
  readonly #packs: number;

  constructor(inner: Backend, packs: number) {
    super(inner);
    this.#packs = packs;
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    yield* super.list(type, options);
    if (type !== "pack") return;
    const sizeBytes = BLOBS_PER_PACK * LISTED_BLOB_BYTES + packHeaderBytes(BLOBS_PER_PACK, 0);
    for (let pack = 0; pack < this.#packs; pack++) {
      if (!isReal(pack)) yield { name: listedPackId(pack), sizeBytes };
    }
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    if (key.type !== "pack" || (await this.inner.stat(key, options)) !== undefined) await super.remove(key, options);
  }
}

const FACTS =
  `"mode":420,"mtime":"2026-01-01T00:00:00Z","atime":"2026-01-01T00:00:00Z","ctime":"2026-01-01T00:00:00Z",` +
  `"uid":0,"gid":0,"size":1,"links":1`;

const SNAPSHOT = {
  time: "2026-01-01T00:00:00Z",
  parent: undefined,
  paths: ["/data"],
  hostname: "box",
  username: "ann",
  uid: 0,
  gid: 0,
  excludes: [],
  tags: [],
  original: undefined,
  programVersion: "holdfast 0",
  summary: undefined,
} as const;
