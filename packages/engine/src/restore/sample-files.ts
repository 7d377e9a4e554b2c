/** Chooses files of a snapshot at random, for a trial restore that is compared with the originals. */
import type { BlobIndex } from "../index/blob-index.ts";
import type { Id } from "../format/id.ts";
import { nodeNameProblem } from "../format/node.ts";
import { BlobReader } from "../repository/blob-reader.ts";
import type { Repository } from "../repository/repository.ts";
import { TreeReader } from "../repository/tree-reader.ts";

export interface SampleOptions {
  /** Most files to choose. */
  readonly files: number;
  /** Most bytes of all chosen files together. Files that are larger by themselves are never chosen. */
  readonly maxBytes: number;
  /** Numbers from 0 up to, not including, 1; the same numbers choose the same files. */
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface SampledFile {
  /** Inside the snapshot; begins with "/". Hand it to `RestoreOptions.paths`. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Walks all folders below `root`; every regular file that is not too large has the same chance. What comes last is left
 * out while the sum is over `maxBytes`.
 * @throws what reading trees throws: a damaged snapshot is no subject for a proof
 */
export async function sampleFiles(
  repository: Repository,
  index: BlobIndex,
  root: Id,
  options: SampleOptions,
): Promise<SampledFile[]> {
  const { files, maxBytes, random, signal } = options;
  const chosen: SampledFile[] = [];
  let seen = 0;
  for await (const file of regularFiles(new TreeReader(new BlobReader(repository, index)), root, signal)) {
    if (file.sizeBytes > maxBytes) continue;
    seen += 1;
    // Reservoir sampling (Vitter's algorithm R): the n-th file takes a place with the chance files/n.
    if (chosen.length < files) chosen.push(file);
    else {
      const place = Math.floor(random() * seen);
      if (place < files) chosen[place] = file;
    }
  }
  let bytes = 0;
  return chosen.filter(({ sizeBytes }) => {
    if (bytes + sizeBytes > maxBytes) return false;
    bytes += sizeBytes;
    return true;
  });
}

async function* regularFiles(trees: TreeReader, root: Id, signal: AbortSignal): AsyncGenerator<SampledFile> {
  const waiting: { path: string; tree: Id }[] = [{ path: "", tree: root }];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    signal.throwIfAborted();
    for (const node of await trees.load(folder.tree, { signal })) {
      if (nodeNameProblem(node.name) !== undefined) continue;
      const path = `${folder.path}/${node.name}`;
      if (node.type === "dir" && node.subtree !== undefined) waiting.push({ path, tree: node.subtree });
      else if (node.type === "file") yield { path, sizeBytes: node.size };
    }
  }
}
