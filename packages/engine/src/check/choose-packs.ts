/** Chooses the packs that a check reads in full. */
import type { Id } from "../format/id.ts";
import type { DataSubset } from "./options.ts";

export interface PackFile {
  readonly id: Id;
  readonly sizeBytes: number;
  readonly holdsTrees: boolean;
}

/** @param random in [0, 1) */
export function choosePacks(packs: readonly PackFile[], subset: DataSubset, random: () => number): PackFile[] {
  const trees = packs.filter((pack) => pack.holdsTrees);
  const data = packs.filter((pack) => !pack.holdsTrees);
  return [...trees, ...chooseData(data, subset, random)];
}

function chooseData(data: readonly PackFile[], subset: DataSubset, random: () => number): readonly PackFile[] {
  switch (subset.kind) {
    case "none":
      return [];
    case "all":
      return data;
    case "part":
      return data.filter(({ id }) => Number.parseInt(id.slice(0, 8), 16) % subset.of === subset.n - 1);
    case "percent":
      return shuffled(data, random).slice(0, Math.ceil((data.length * subset.percent) / 100));
    case "bytes": {
      let left = subset.bytes;
      // At least one pack, so that even a tiny amount proves something.
      return shuffled(data, random).filter((pack, n) => {
        if (n > 0 && left < pack.sizeBytes) return false;
        left -= pack.sizeBytes;
        return true;
      });
    }
  }
}

/** Fisher and Yates. */
function shuffled(packs: readonly PackFile[], random: () => number): PackFile[] {
  const result = [...packs];
  for (let n = result.length - 1; n > 0; n--) {
    const other = Math.floor(random() * (n + 1));
    [result[n], result[other]] = [result[other] as PackFile, result[n] as PackFile];
  }
  return result;
}
