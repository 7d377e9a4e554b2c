/** What a restore says about single entries, problems and its end. */
import {
  type CopyChange,
  type RestoreEntry,
  type RestoreProblem,
  type RestoreResult,
  displayPath,
} from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatElapsed, plural } from "../output/units.ts";
import { countsJson } from "./progress.ts";

const SHOWN_PACKS = 5;

/** What each kind of problem means, before its reason. */
const MEANINGS: Readonly<Record<RestoreProblem["code"], string>> = {
  damaged: "its content is damaged or missing in the repository",
  "not-restored": "not restored",
  metadata: "some of its metadata was not restored",
  "unsafe-name": "left alone",
  "not-deleted": "not deleted",
  differs: "differs from the snapshot",
};

export function reportProblem({ code, path, reason, blob }: RestoreProblem, output: Output): void {
  if (!output.settings.json) {
    output.warn(`${displayPath(path)}: ${MEANINGS[code]}: ${safeText(reason)}`, { during: "restore" });
    return;
  }
  output.errorJson({
    message_type: "error",
    error: { message: `${MEANINGS[code]}: ${reason}` },
    during: "restore",
    item: path,
    code,
    blob,
  });
}

/** A line for each entry, for --verbose given twice. */
export function reportEntry({ action, path, sizeBytes, type }: RestoreEntry, output: Output): void {
  if (output.settings.json)
    output.printJson({ message_type: "verbose_status", action, item: path, size: sizeBytes, type });
  else output.print(`${action.padEnd(9)} ${displayPath(path)}${type === "file" ? `, ${formatBytes(sizeBytes)}` : ""}`);
}

/** The restore goes on from another copy. */
export function reportChange({ from, to, reason }: CopyChange, output: Output): void {
  if (output.settings.json) output.printJsonNow({ message_type: "copy_changed", from, to, reason });
  else output.warn(`${safeText(reason)}; the rest is read from ${displayPath(to)}`, { during: "restore" });
}

/** What copies had lost and others gave, and how to mend them. */
export function tellDamages({ damages }: Pick<RestoreResult, "damages">, output: Output): void {
  for (const { location, packs, blobs } of damages) {
    output.warn(
      `${displayPath(location)} has lost ${plural(blobs, "blob")} of what was restored, in ${plural(packs.length, "pack")}; they came from another copy`,
      { during: "restore" },
    );
    const shown = packs.slice(0, SHOWN_PACKS).map((id) => id.slice(0, 16));
    const names = packs.length > SHOWN_PACKS ? "PACK…" : shown.join(" ");
    output.message(
      `hint: \`holdfast -r ${displayPath(location)} repair packs ${names} --from-repo LOCATION\` brings them back from another copy`,
    );
  }
}

export function reportRestore(result: RestoreResult, output: Output, { dryRun }: { dryRun: boolean }): void {
  if (!output.settings.json) {
    for (const line of summaryLines(result, dryRun)) output.message(line);
    return;
  }
  output.printJson({
    message_type: "summary",
    dry_run: dryRun ? true : undefined,
    seconds_elapsed: Math.floor(result.durationMs / 1000),
    total_duration: result.durationMs / 1000,
    ...countsJson(result.counts),
    problems: result.problemCounts,
    copies_changed: result.changes,
    damaged_copies: result.damages.map(({ location, packs, blobs }) => ({ location, packs, blobs })),
  });
}

/** What was restored, of every kind that there was. */
function restored(counts: RestoreResult["counts"]): string {
  const files = plural(counts.filesRestored + counts.filesUpdated, "file");
  const kinds = [
    `${files} (${formatBytes(counts.bytesRestored)})`,
    ...(counts.folders === 0 ? [] : [plural(counts.folders, "folder")]),
    ...(counts.links === 0 ? [] : [plural(counts.links, "hard link")]),
    ...(counts.others === 0 ? [] : [plural(counts.others, "symbolic link or device", "symbolic links and devices")]),
  ];
  return [kinds.slice(0, -1).join(", "), ...kinds.slice(-1)].filter((part) => part !== "").join(" and ");
}

function summaryLines({ counts, problemCounts, durationMs }: RestoreResult, dryRun: boolean): string[] {
  const problems = Object.values(problemCounts).reduce((sum, count) => sum + count, 0);
  const skipped = counts.filesSkipped + counts.othersSkipped;
  return [
    `${dryRun ? "would restore" : "restored"} ${restored(counts)} in ${formatElapsed(durationMs)}`,
    ...(counts.filesUnchanged === 0
      ? []
      : [
          `${plural(counts.filesUnchanged, "file")} had the right content already: ${formatBytes(counts.bytesUnchanged)} ${dryRun ? "would not" : "did not"} have to be written`,
        ]),
    ...(skipped === 0
      ? []
      : [
          `${plural(skipped, "entry", "entries")} existed and ${skipped === 1 ? "was" : "were"} left alone, because of --overwrite`,
        ]),
    ...(counts.deleted === 0
      ? []
      : [`${dryRun ? "would delete" : "deleted"} ${plural(counts.deleted, "entry", "entries")}`]),
    ...(counts.filesVerified === 0
      ? []
      : [`verified ${plural(counts.filesVerified, "file")}, ${formatBytes(counts.bytesVerified)}`]),
    ...(problems === 0 ? [] : [`there ${problems === 1 ? "was" : "were"} ${plural(problems, "problem")}`]),
  ];
}
