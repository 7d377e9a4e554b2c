/** What a backup says about problems on the way, and at its end. */
import { type BackupResult, type Problem, displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatCount, formatElapsed, formatInstant, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { presentJson } from "./present.ts";
import { type Shrinkage, shrinkageJson } from "./shrinkage.ts";

/** What each kind of problem means, before its reason. */
const MEANINGS: Readonly<Record<Problem["code"], string>> = {
  unreadable: "cannot be read",
  changed: "changed while it was read",
  vanished: "vanished before it was read",
  metadata: "some of its metadata is not stored",
  "parent-tree": "the parent snapshot cannot be compared with",
};

export function reportProblem({ code, path, reason }: Problem, output: Output): void {
  const text = `${displayPath(path)}: ${MEANINGS[code]}: ${safeText(reason)}`;
  if (!output.settings.json) return output.warn(text, { during: "archival" });
  output.errorJson({
    message_type: "error",
    error: { message: `${MEANINGS[code]}: ${reason}` },
    during: "archival",
    item: path,
    code,
  });
}

/** The repository was met in what is backed up. */
export function reportRepository(path: string, output: Output): void {
  if (output.settings.json) output.printJson({ message_type: "repository_left_out", item: path });
  else output.message(`the repository itself is left out: ${displayPath(path)}`);
}

/** The summary of a finished backup: lines for people, or the `summary` of JSON. */
export function reportBackup(
  result: BackupResult,
  output: Output,
  { dryRun, shrinkage }: { readonly dryRun: boolean; readonly shrinkage?: Shrinkage | undefined },
): void {
  if (output.settings.json) {
    const shrunk = shrinkage && shrinkageJson(shrinkage);
    output.printJson({ ...summaryJson(result, dryRun), shrunk, present_verified: presentJson(result) });
    return;
  }
  for (const line of summaryLines(result, dryRun)) output.message(line);
}

function summaryLines({ counts, problems, ...result }: BackupResult, dryRun: boolean): string[] {
  const row = (name: string, [added, changed, same]: readonly number[]): string =>
    `${name}  ${[added, changed, same].map((count) => formatCount(count ?? 0).padStart(9)).join(" ")}`;
  const would = dryRun ? " would be" : ",";
  return [
    `               new   changed unmodified`,
    row("files   ", [counts.filesNew, counts.filesChanged, counts.filesUnmodified]),
    row("folders ", [counts.dirsNew, counts.dirsChanged, counts.dirsUnmodified]),
    counts.dataAdded === 0
      ? "no new data: the repository has it all"
      : `${formatBytes(counts.dataAdded)} of new data${would} stored in ${formatBytes(counts.dataAddedPacked)}`,
    `processed ${plural(result.filesDone, "file")}, ${formatBytes(result.bytesDone)} in ${formatElapsed(result.elapsedMs)}`,
    ...(result.adoptedPacks === 0
      ? []
      : [`took over ${plural(result.adoptedPacks, "pack")} that an interrupted run had stored`]),
    ...(result.missingPacks === 0
      ? []
      : [
          `${plural(result.missingPacks, "pack")} of the repository ${result.missingPacks === 1 ? "is" : "are"} gone: what the source has of that was stored again`,
          "hint: run `holdfast check` to see what else is lost",
        ]),
    ...NOTED.flatMap(([code, text]) => (problems[code] === 0 ? [] : [`${plural(problems[code], "file")} ${text}`])),
    ...(problems.unreadable === 0
      ? []
      : [`${plural(problems.unreadable, "file or folder", "files and folders")} could not be read`]),
    outcome(result.snapshotId, dryRun),
  ];
}

/** Problems that leave the backup complete, but that the summary names. */
const NOTED: readonly (readonly [Problem["code"], string])[] = [
  ["changed", "changed while being read: stored as they were at that moment"],
  ["vanished", "vanished before they were read"],
  ["metadata", "stored without some of their metadata"],
];

function outcome(snapshotId: string | undefined, dryRun: boolean): string {
  if (snapshotId !== undefined) return `snapshot ${shortId(snapshotId)} saved`;
  return dryRun ? "dry run: nothing was stored" : "nothing changed, so no snapshot was made";
}

function summaryJson({ counts, ...result }: BackupResult, dryRun: boolean): Record<string, unknown> {
  return {
    message_type: "summary",
    dry_run: dryRun ? true : undefined,
    files_new: counts.filesNew,
    files_changed: counts.filesChanged,
    files_unmodified: counts.filesUnmodified,
    dirs_new: counts.dirsNew,
    dirs_changed: counts.dirsChanged,
    dirs_unmodified: counts.dirsUnmodified,
    data_blobs: counts.dataBlobs,
    tree_blobs: counts.treeBlobs,
    data_added: counts.dataAdded,
    data_added_packed: counts.dataAddedPacked,
    total_files_processed: result.filesDone,
    total_bytes_processed: result.bytesDone,
    backup_start: formatInstant(result.startedAtNs),
    backup_end: formatInstant(result.endedAtNs),
    total_duration: result.elapsedMs / 1000,
    snapshot_id: result.snapshotId,
    parent: result.parentId,
    adopted_packs: result.adoptedPacks === 0 ? undefined : result.adoptedPacks,
    missing_packs: result.missingPacks === 0 ? undefined : result.missingPacks,
    problems: result.problems,
  };
}
