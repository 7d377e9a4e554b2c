/**
 * A backup without threads: in the order of the real one (packs, index, snapshot) and with the same looks at the index and at
 * packs that were left behind, but with packs of a few blobs. Now and then it stores what is there already, mixes blobs of both
 * types in a pack, or leaves trees uncompressed, as other clients do.
 */
import { bytesSource } from "@holdfast/storage";
import { idOf, idToBytes, type BlobType, type Id } from "../../src/format/id.ts";
import { encodeNode, type TreeNode } from "../../src/format/node.ts";
import { encodePackHeader, type PackEntry } from "../../src/format/pack-header.ts";
import { TreeEncoder } from "../../src/format/tree.ts";
import type { BlobIndex } from "../../src/index/blob-index.ts";
import { encodeIndexFile, type IndexedPack } from "../../src/index/index-file.ts";
import { Compressor } from "../../src/platform/zstd.ts";
import { adoptPacks } from "../../src/repository/adopt-packs.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { saveSnapshot } from "../../src/repository/snapshots.ts";
import { node } from "../made-repository.ts";
import type { Random } from "./random.ts";
import { type Files, piece } from "./source.ts";

interface NewBlob {
  readonly type: BlobType;
  readonly id: Id;
  readonly plain: Uint8Array;
}

interface Options {
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly nowMs: number;
}

const compressor = new Compressor("fastest");

/** Stores a snapshot of these files. The repository must be locked. */
export async function backUpDirectly(repository: Repository, files: Files, options: Options): Promise<Id> {
  const { signal, nowMs } = options;
  const index = await loadIndex(repository, { signal });
  const listed: IndexedPack[] = [];
  const take = async (pack: IndexedPack): Promise<void> => {
    addToIndex(index, pack);
    listed.push(pack);
  };
  await adoptPacks(repository, index, { signal, nowMs, take });
  const { root, blobs } = blobsOf(files);
  listed.push(...(await storeBlobs(repository, index, blobs, options)));
  if (listed.length > 0) await repository.saveDocument("index", encodeIndexFile(listed), { signal });
  const time = new Date(nowMs).toISOString();
  return saveSnapshot(repository, { ...SNAPSHOT, time, tree: root }, { signal });
}

function blobsOf(files: Files): { root: Id; blobs: NewBlob[] } {
  const blobs: NewBlob[] = [];
  const add = (type: BlobType, plain: Uint8Array): Id => {
    const id = idOf(plain);
    blobs.push({ type, id, plain });
    return id;
  };
  const tree = (prefix: string): Id => {
    const nodes = new Map<string, TreeNode>();
    for (const [path, pieces] of files) {
      if (!path.startsWith(prefix)) continue;
      const [name = "", ...rest] = path.slice(prefix.length).split("/");
      if (nodes.has(name)) continue;
      const bytes = pieces.map(piece);
      const size = bytes.reduce((sum, { length }) => sum + length, 0);
      if (rest.length > 0) nodes.set(name, node(name, { type: "dir", subtree: tree(`${prefix}${name}/`) }));
      else nodes.set(name, node(name, { content: bytes.map((plain) => add("data", plain)), size }));
    }
    const encoder = new TreeEncoder();
    for (const name of [...nodes.keys()].sort()) encoder.append(encodeNode(nodes.get(name) as TreeNode));
    return add("tree", encoder.finish());
  };
  return { root: tree(""), blobs };
}

async function storeBlobs(
  repository: Repository,
  index: BlobIndex,
  blobs: readonly NewBlob[],
  options: Options,
): Promise<IndexedPack[]> {
  const { random } = options;
  const known = new Set<string>();
  const isNew = ({ type, id }: NewBlob): boolean => {
    const isKnown = known.has(type + id) || (index.has(type, idToBytes(id), 0) && !random.chance(0.05));
    known.add(type + id);
    return !isKnown;
  };
  const fresh = blobs.filter(isNew);
  const isMixed = random.chance(0.1);
  const lots = isMixed
    ? [fresh]
    : (["data", "tree"] as const).map((type) => fresh.filter((blob) => blob.type === type));
  const packs: IndexedPack[] = [];
  for (const lot of lots) {
    for (let at = 0; at < lot.length;) {
      const end = at + random.between(1, 6);
      packs.push(await storePack(repository, lot.slice(at, end), options));
      at = end;
    }
  }
  return packs;
}

async function storePack(
  repository: Repository,
  blobs: readonly NewBlob[],
  { random, signal }: Options,
): Promise<IndexedPack> {
  const parts: Uint8Array[] = [];
  const entries: PackEntry[] = [];
  let offset = 0;
  for (const { type, id, plain } of blobs) {
    const compressed = compressor.compress(plain);
    const isCompressed = repository.config.version === 2 && compressed.length < plain.length && !random.chance(0.1);
    const sealed = repository.sealer.seal(isCompressed ? compressed : plain);
    entries.push({ type, id, offset, lengthBytes: sealed.length, plainBytes: isCompressed ? plain.length : 0 });
    parts.push(sealed);
    offset += sealed.length;
  }
  const header = repository.sealer.seal(encodePackHeader(entries));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const bytes = Buffer.concat([...parts, header, length]);
  const name = idOf(bytes);
  await repository.backend.save({ type: "pack", name }, bytesSource(bytes), { signal });
  return { id: name, blobs: entries.map(({ plainBytes, ...blob }) => ({ ...blob, uncompressedBytes: plainBytes })) };
}

function addToIndex(index: BlobIndex, { id, blobs }: IndexedPack): void {
  const pack = index.addPack(id);
  for (const blob of blobs) {
    index.add(blob.type, idToBytes(blob.id), 0, pack, blob.offset, blob.lengthBytes, blob.uncompressedBytes);
  }
}

const SNAPSHOT = {
  parent: undefined,
  paths: ["/"],
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
