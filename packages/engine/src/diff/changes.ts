/** What a comparison finds and counts: the same for two snapshots, and for a snapshot and the live files. */
import type { HoldfastError } from "@holdfast/base";
import type { NodeType } from "../format/node.ts";

/**
 * What became of an entry, in restic's letters. `+` added, `-` removed, `M` other content, `T` another type, `U` other metadata;
 * `?` behind `M`: the content changed and nothing else did, which looks like damage of the file that was backed up.
 */
export type Modifier = "+" | "-" | "M" | "M?" | "T" | "TU" | "U";

export interface Change {
  readonly modifier: Modifier;
  /** Surrogate-escaped; that of a folder ends with a slash. */
  readonly path: string;
}

/** Called for each change, in order. What it returns is waited for. */
export type OnChange = (change: Change) => void | Promise<void>;

/** Something that could not be compared. */
export interface DiffProblem {
  /** Surrogate-escaped; `undefined` where only a blob is known. */
  readonly path: string | undefined;
  readonly error: HoldfastError;
}

/** Entries by kind. */
export interface EntryCounts {
  files: number;
  dirs: number;
  /** Links, devices, pipes. */
  others: number;
}

export function countEntry(counts: EntryCounts, type: NodeType): void {
  if (type === "file") counts.files++;
  else if (type === "dir") counts.dirs++;
  else counts.others++;
}
