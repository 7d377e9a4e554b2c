/** The figures of the backup that made a snapshot, which restic stores in it since 0.17. */
import { goJsonString } from "./go-json.ts";
import type { JsonFields } from "./json-fields.ts";

/** Counts and sizes of a backup. Times are texts as Go writes them; sizes are in bytes. */
export interface SnapshotSummary {
  readonly backupStart: string;
  readonly backupEnd: string;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  /** Blobs that the backup added to the repository. */
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** What they hold, and what they take in the repository. */
  readonly dataAdded: number;
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
  /** Fields of other programs; they are written again after the known ones. */
  readonly otherFields?: Readonly<Record<string, unknown>>;
}

type Count = Exclude<keyof SnapshotSummary, "backupStart" | "backupEnd" | "otherFields">;

/** In the order in which they are written. */
const COUNTS: Readonly<Record<Count, string>> = {
  filesNew: "files_new",
  filesChanged: "files_changed",
  filesUnmodified: "files_unmodified",
  dirsNew: "dirs_new",
  dirsChanged: "dirs_changed",
  dirsUnmodified: "dirs_unmodified",
  dataBlobs: "data_blobs",
  treeBlobs: "tree_blobs",
  dataAdded: "data_added",
  dataAddedPacked: "data_added_packed",
  totalFilesProcessed: "total_files_processed",
  totalBytesProcessed: "total_bytes_processed",
};
const ENTRIES = Object.entries(COUNTS) as [Count, string][];
const KNOWN = new Set(["backup_start", "backup_end", ...Object.values(COUNTS)]);

/** The JSON of a summary. */
export function encodeSummary(summary: SnapshotSummary): string {
  const { backupStart, backupEnd } = summary;
  const fields = [`"backup_start":${goJsonString(backupStart)}`, `"backup_end":${goJsonString(backupEnd)}`];
  for (const [property, name] of ENTRIES) fields.push(`"${name}":${summary[property]}`);
  for (const [name, value] of Object.entries(summary.otherFields ?? {})) {
    fields.push(`${goJsonString(name)}:${JSON.stringify(value)}`);
  }
  return `{${fields.join(",")}}`;
}

/** Reads a summary; counts that are absent are 0. @throws ENGINE_MALFORMED */
export function decodeSummary(fields: JsonFields): SnapshotSummary {
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const counts = Object.fromEntries(ENTRIES.map(([property, name]) => [property, fields.integer(name, range, 0)]));
  return {
    backupStart: fields.text("backup_start", ""),
    backupEnd: fields.text("backup_end", ""),
    ...(counts as Record<Count, number>),
    otherFields: fields.others(KNOWN),
  };
}
