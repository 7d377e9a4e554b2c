/** The repository and the folder that all fault tests begin with: one snapshot, then changes that are not backed up yet. */
import type { MemoryBackend } from "@holdfast/storage/testing";
import type { Repository } from "../../src/repository/repository.ts";
import { backUp, copyOf, newRepository, noise, scratchFolder, through, writeFiles } from "../backup-lab.ts";

export interface Sample {
  readonly folder: string;
  /** A new copy of the repository with its one snapshot. */
  fresh(): Promise<{ repository: Repository; backend: MemoryBackend }>;
}

/** Call it while a test file is collected; `fresh` works once its tests run. */
export function sampleForFaults(): Sample {
  const folder = scratchFolder();
  let first: Promise<Repository> | undefined;
  const prepare = async (): Promise<Repository> => {
    writeFiles(folder, {
      "kept/one": noise(9_000, 1),
      "kept/deep/two": noise(5_000, 2),
      "changed/three": noise(8_000, 3),
    });
    const repository = await newRepository();
    await backUp(repository, [folder]);
    writeFiles(folder, {
      "changed/three": noise(8_500, 4),
      "new/four": noise(30_000, 5),
      "new/five": noise(20_000, 6),
      "new/deep/six": noise(25_000, 7),
      "new/deep/seven": noise(28_000, 8),
      "new/empty": "",
    });
    return repository;
  };
  return {
    folder,
    async fresh() {
      first ??= prepare();
      const repository = await first;
      const backend = await copyOf(repository.backend);
      return { repository: through(repository, backend), backend };
    },
  };
}
