/** What a copy did, for people and for programs. */
import { type CopyEvent, type CopyResult, type StoredSnapshot, displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatElapsed, formatLocalTime, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** Paths that are shown of one snapshot, and blobs of all; JSON has all that the engine lists. */
const SHOWN_PARTS = 20;
const SHOWN_BLOBS = 5;

/** Tells what happens in one copy, as soon as it does. */
export function copyReporter(output: Output): (event: ToldEvent) => void {
  let lost = 0;
  return (event) => {
    // A pack that is gone is thousands of blobs, and what people want to know is which files these are.
    if (event.kind === "lost" && ++lost > SHOWN_BLOBS && !output.settings.json) return;
    reportEvent(event, output);
  };
}

/** What the target had is no news. */
type ToldEvent = Exclude<CopyEvent, { kind: "target" }>;

function reportEvent(event: ToldEvent, output: Output): void {
  switch (event.kind) {
    case "begun":
      return output.message(`${plural(event.snapshots, "snapshot")} to copy`);
    case "skipped":
      return reportSkipped(event, output);
    case "copied":
      return reportCopied(event, output);
    case "incomplete":
      return reportIncomplete(event, output);
    case "lost": {
      const { type, id, reason } = event.blob;
      const item = `${type} blob ${id}`;
      return output.warn(`${item} cannot be read in the other repository: ${safeText(reason)}`, {
        during: "copy",
        item,
      });
    }
    case "damaged":
      return output.warn(`${event.what}: ${safeText(event.reason)}`, { during: "copy", item: event.what });
  }
}

function reportSkipped({ source, target }: Extract<CopyEvent, { kind: "skipped" }>, output: Output): void {
  if (output.settings.json) {
    if (output.settings.verbosity === 0) return;
    output.printJson({ message_type: "snapshot_skipped", source_snapshot_id: source.id, snapshot_id: target.id });
  } else output.message(`${describe(source)} is there already, as ${shortId(target.id)}`, 1);
}

function reportCopied({ source, id }: Extract<CopyEvent, { kind: "copied" }>, output: Output): void {
  if (output.settings.json) {
    output.printJson({ message_type: "snapshot_copied", source_snapshot_id: source.id, snapshot_id: id });
  } else output.print(`${describe(source)} copied as ${shortId(id)}`);
}

function reportIncomplete({ source, losses }: Extract<CopyEvent, { kind: "incomplete" }>, output: Output): void {
  const { parts, isCutShort } = losses;
  if (output.settings.json) {
    output.errorJson({
      message_type: "error",
      code: "snapshot-incomplete",
      item: source.id,
      message: `${describe(source)} was not copied: parts of it cannot be read in the other repository`,
      lost: parts.map(({ kind, path, blobs }) => ({ kind, path, blobs: blobs.length })),
      lost_omitted: isCutShort,
    });
    return;
  }
  output.error(
    `${output.color("31", "not copied:")} ${describe(source)}, of which parts cannot be read in the other repository:`,
  );
  for (const { kind, path, blobs } of parts.slice(0, SHOWN_PARTS)) {
    output.error(`  ${displayPath(path)}: ${kind === "folder" ? "all of it" : plural(blobs.length, "part")}`);
  }
  const more = parts.length - SHOWN_PARTS;
  if (more > 0) output.error(`  and ${isCutShort ? "at least " : ""}${plural(more, "more", "more")}`);
}

function describe({ id, snapshot }: StoredSnapshot): string {
  return `snapshot ${shortId(id)} of ${snapshot.paths.map(displayPath).join(", ")} at ${formatLocalTime(snapshot.timeNs)}`;
}

export function reportCopy(result: CopyResult, output: Output, { dryRun }: { dryRun: boolean }): void {
  if (output.settings.json) output.printJson(summaryJson(result, dryRun));
  else for (const line of summaryLines(result, dryRun)) output.printProse(line);
}

function summaryLines(result: CopyResult, dryRun: boolean): string[] {
  const { copied, skipped, incomplete, blobs, bytes, adoptedPacks } = result;
  const there = skipped.length === 0 ? "" : `, ${skipped.length} ${skipped.length === 1 ? "is" : "are"} there already`;
  if (copied.length + incomplete.length === 0) {
    return [skipped.length === 0 ? "no snapshot was chosen" : `nothing to copy${there}`];
  }
  return [
    ...(dryRun ? copied.map(({ source }) => `would copy ${describe(source)}`) : []),
    `${dryRun ? "would copy" : "copied"} ${plural(copied.length, "snapshot")}${there}`,
    dryRun
      ? `would move ${plural(blobs, "blob")} (${formatBytes(bytes)})`
      : `moved ${plural(blobs, "blob")} (${formatBytes(bytes)}) in ${formatElapsed(result.elapsedMs)}`,
    ...(adoptedPacks === 0 ? [] : [`used ${plural(adoptedPacks, "pack")} that an interrupted run had stored`]),
    ...(incomplete.length === 0
      ? []
      : [
          `${plural(incomplete.length, "snapshot")} not copied: parts of ${incomplete.length === 1 ? "it" : "them"} cannot be read in the other repository`,
          "hint: run `holdfast check --read-data` on the other repository; `holdfast repair packs --from-repo` brings back what this one still has",
        ]),
  ];
}

function summaryJson(result: CopyResult, dryRun: boolean): unknown {
  return {
    message_type: "summary",
    dry_run: dryRun ? true : undefined,
    copied: result.copied.map(({ source, id }) => ({ source_snapshot_id: source.id, snapshot_id: id })),
    snapshots_copied: result.copied.length,
    snapshots_skipped: result.skipped.length,
    snapshots_incomplete: result.incomplete.length,
    blobs: result.blobs,
    bytes: result.bytes,
    bytes_stored: result.storedBytes,
    new_packs: result.newPacks,
    adopted_packs: result.adoptedPacks,
    lost_blobs: result.lostBlobs,
    total_duration: result.elapsedMs / 1000,
  };
}
