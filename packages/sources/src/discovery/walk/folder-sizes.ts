/** Sizes of folders, as a walk has added them up. */
import type { FolderRow } from "./messages.ts";

export interface Totals {
  readonly files: number;
  readonly bytes: number;
  /** Of these, in files that changed within the last day, and within the last seven days. */
  readonly dayBytes: number;
  readonly weekBytes: number;
}

/** Of an empty folder. */
export const NOTHING: Totals = { files: 0, bytes: 0, dayBytes: 0, weekBytes: 0 };

/** Folders by their paths. Those deep in a tree count in the row of a folder above them. */
export class FolderSizes {
  readonly #rows = new Map<string, Totals>();
  /** Of each folder with all below it; made when it is first asked for. */
  #sums: Map<string, Totals> | undefined;

  /** @param rows what lies in each folder itself */
  static from(rows: readonly FolderRow[]): FolderSizes {
    const sizes = new FolderSizes();
    for (const row of rows) sizes.add(row);
    return sizes;
  }

  add(row: FolderRow): void {
    this.#rows.set(row.path, plus(this.#rows.get(row.path) ?? NOTHING, row));
    this.#sums = undefined;
  }

  /** All that is in a folder and below it; `undefined` when it has no row, as it is too deep, was left out, or is not there. */
  of(path: string): Totals | undefined {
    return this.#summed().get(path);
  }

  /** Folders that have rows, directly below this one. */
  below(path: string): string[] {
    const base = path === "/" ? "/" : `${path}/`;
    return [...this.#summed().keys()].filter(
      (each) => each.length > base.length && each.startsWith(base) && !each.includes("/", base.length),
    );
  }

  /** Every folder that has a row, with all below it. */
  *all(): Iterable<readonly [path: string, totals: Totals]> {
    yield* this.#summed();
  }

  #summed(): Map<string, Totals> {
    if (this.#sums !== undefined) return this.#sums;
    const sums = new Map<string, Totals>();
    for (const [path, own] of this.#rows) {
      for (let at = path; ; at = above(at)) {
        sums.set(at, plus(sums.get(at) ?? NOTHING, own));
        if (at === "/") break;
      }
    }
    return (this.#sums = sums);
  }
}

/** The folder that a path lies in. */
export function above(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** Both together. */
export function plus(a: Totals, b: Totals): Totals {
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    dayBytes: a.dayBytes + b.dayBytes,
    weekBytes: a.weekBytes + b.weekBytes,
  };
}

/** The first without the second. */
export function minus(a: Totals, b: Totals): Totals {
  return {
    files: a.files - b.files,
    bytes: a.bytes - b.bytes,
    dayBytes: a.dayBytes - b.dayBytes,
    weekBytes: a.weekBytes - b.weekBytes,
  };
}
