/** Content of snapshots as streams of bytes: one file, or a folder as a tar or zip archive. */
import type { Id } from "../format/id.ts";
import type { NodeType, TreeNode } from "../format/node.ts";
import type { BlobIndex } from "../index/blob-index.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeReader } from "../repository/tree-reader.ts";
import { isDamageError } from "./damage.ts";
import { BlobSequenceReader, plainBytes, type Delivered, type Wanted } from "./read-blobs.ts";
import { isTarType, TAR_END, tarHeader, tarPadding } from "./tar.ts";
import { walkSnapshot, type WalkedNode, type WalkProblem } from "./walk.ts";
import { isZipType, ZipArchive } from "./zip.ts";

export interface ArchiveOptions {
  readonly signal: AbortSignal;
  /** Where the dumped folder lies in the snapshot; it stands before every name in the archive. Default: the root. */
  readonly prefix?: string;
  /**
   * Called for folders that cannot be read and files whose content is not in the index; they are left out. Without it, that is
   * thrown. Damage that shows only when content is read is always thrown: its entry has begun.
   */
  readonly onProblem?: (problem: WalkProblem) => void;
  /** Called for entries of types that the format cannot hold, such as sockets. */
  readonly onSkipped?: (entry: WalkedNode) => void;
}

/** An entry of an archive. */
interface Entry {
  /** Without a slash at the beginning. */
  readonly path: string;
  readonly node: TreeNode;
  /** Real length of the content, which a damaged node may tell wrongly. */
  readonly sizeBytes: number;
  readonly blobs: number;
}

/** Pieces smaller than this are joined before they are handed on. */
const PIECE_BYTES = 64 * 1024;

export interface DumpOptions {
  readonly signal: AbortSignal;
  /** Where to begin, in bytes; what lies before it is not read. Default: 0. */
  readonly offset?: number;
}

/**
 * The content of a file node. Later blobs are loaded while earlier ones are taken, some 20 MB ahead.
 * @throws ENGINE_BLOB_MISSING and other damage, and what the backend throws; on abort the signal's reason
 */
export async function* dumpFile(
  repository: Repository,
  index: BlobIndex,
  node: TreeNode,
  { signal, offset = 0 }: DumpOptions,
): AsyncGenerator<Uint8Array> {
  const content = node.content ?? [];
  let first = 0;
  let left = offset;
  for (; left > 0 && first < content.length; first++) {
    const length = plainBytes(index, content[first] as Id);
    if (length > left) break;
    left -= length;
  }
  const reader = new BlobSequenceReader(repository, index);
  const wanted = async function* (): AsyncGenerator<Wanted<never>> {
    for (const blob of content.slice(first)) yield { blob };
  };
  for await (const piece of reader.read(wanted(), { signal })) {
    if (!("bytes" in piece)) continue;
    yield left === 0 ? piece.bytes : piece.bytes.subarray(left);
    left = 0;
  }
}

/**
 * What lies in a folder, as a tar archive in the pax form: with owners, times to the nanosecond, extended attributes, ACLs,
 * links and devices. Hard links become separate files, as in restic.
 * @param tree the folder's tree
 * @throws as `dumpFile` and `walkSnapshot`
 */
export function dumpTar(
  repository: Repository,
  index: BlobIndex,
  tree: Id,
  options: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  return joined(tarPieces(new Source(repository, index, tree, { ...options, accepts: isTarType })));
}

/**
 * What lies in a folder, as a zip archive: files, folders and symbolic links with permissions, owners' numbers and times to the
 * second.
 * @param tree the folder's tree
 * @throws ENGINE_NAME_TOO_LONG, and as `dumpFile` and `walkSnapshot`
 */
export function dumpZip(
  repository: Repository,
  index: BlobIndex,
  tree: Id,
  options: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  return joined(zipPieces(new Source(repository, index, tree, { ...options, accepts: isZipType })));
}

async function* tarPieces(source: Source): AsyncGenerator<Uint8Array> {
  for await (const { path, node, sizeBytes, content } of source.entries()) {
    yield tarHeader(path, node, sizeBytes);
    yield* content;
    yield tarPadding(sizeBytes);
  }
  yield TAR_END;
}

async function* zipPieces(source: Source): AsyncGenerator<Uint8Array> {
  const archive = new ZipArchive();
  for await (const { path, node, sizeBytes, content } of source.entries()) {
    yield* archive.add(path, node, sizeBytes, content);
  }
  yield* archive.finish();
}

type SourceOptions = ArchiveOptions & { readonly accepts: (type: NodeType) => boolean };

/** The entries of an archive with their content, read ahead across files. */
class Source {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #tree: Id;
  readonly #options: SourceOptions;

  constructor(repository: Repository, index: BlobIndex, tree: Id, options: SourceOptions) {
    this.#repository = repository;
    this.#index = index;
    this.#tree = tree;
    this.#options = options;
  }

  /** The content of each entry must be taken before the next entry is. */
  async *entries(): AsyncGenerator<Entry & { content: AsyncIterable<Uint8Array> }> {
    const { signal } = this.#options;
    const reader = new BlobSequenceReader(this.#repository, this.#index);
    const delivered = reader.read(this.#wanted(), { signal });
    try {
      for (;;) {
        const { done, value } = await delivered.next();
        if (done === true) return;
        if ("mark" in value) yield { ...value.mark, content: takeBlobs(delivered, value.mark.blobs) };
      }
    } finally {
      await delivered.return(undefined);
    }
  }

  async *#wanted(): AsyncGenerator<Wanted<Entry>> {
    const { signal, prefix = "", onProblem, onSkipped, accepts } = this.#options;
    const trees = new TreeReader(new BlobReader(this.#repository, this.#index));
    const walk = { signal, prefix, ...(onProblem === undefined ? {} : { onProblem }) };
    for await (const { path, node } of walkSnapshot(trees, this.#tree, walk)) {
      if (!accepts(node.type)) {
        onSkipped?.({ path, node });
        continue;
      }
      const content = node.type === "file" ? (node.content ?? []) : [];
      const sizeBytes = this.#size(path, content);
      if (sizeBytes === undefined) continue;
      yield { mark: { path: path.replace(/^\/+/, ""), node, sizeBytes, blobs: content.length } };
      for (const blob of content) yield { blob };
    }
  }

  /** The length of a file's content; `undefined` when parts of it are missing and that was reported. */
  #size(path: string, content: readonly Id[]): number | undefined {
    try {
      return content.reduce((sum, id) => sum + plainBytes(this.#index, id), 0);
    } catch (error) {
      if (this.#options.onProblem === undefined || !isDamageError(error)) throw error;
      this.#options.onProblem({ path, error });
      return undefined;
    }
  }
}

async function* takeBlobs(delivered: AsyncIterator<Delivered<Entry>>, count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n++) {
    const { done, value } = await delivered.next();
    if (done === true || !("bytes" in value)) throw new Error("the content of an entry was not taken in order");
    yield value.bytes;
  }
}

/** The same bytes in fewer pieces: headers and small files would otherwise cost a call each. */
async function* joined(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let small: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    small.push(piece);
    bytes += piece.length;
    if (bytes < PIECE_BYTES) continue;
    yield small.length === 1 ? piece : Buffer.concat(small);
    small = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(small);
}
