/** What a backup says about single entries, with --verbose given twice; in JSON once is enough, as it is for restic. */
import { type BackupItem, displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { formatBytes, formatElapsed, plural } from "../output/units.ts";

/** Whether every entry is to be named. */
export function namesItems({ settings }: Output): boolean {
  return settings.verbosity >= (settings.json ? 1 : 2);
}

/** A line for one entry. */
export function reportItem(item: BackupItem, output: Output): void {
  if (output.settings.json) output.printJson(itemJson(item));
  else output.print(`${item.action.padEnd(9)} ${displayPath(shownPath(item))}${cost(item)}`);
}

/** What was counted ahead. */
export function reportCounted(
  { files, bytes, elapsedMs }: { readonly files: number; readonly bytes: number; readonly elapsedMs: number },
  output: Output,
): void {
  if (!output.settings.json) {
    output.message(`counted ${plural(files, "file")}, ${formatBytes(bytes)} in ${formatElapsed(elapsedMs)}`, 1);
  } else if (namesItems(output)) {
    const totals = { ...NO_SIZES, duration: elapsedMs / 1000, data_size: bytes, total_files: files };
    output.printJson({ message_type: "verbose_status", action: "scan_finished", item: "", ...totals });
  }
}

/** Folders end with a slash, as restic shows them. */
function shownPath(item: BackupItem): string {
  return item.action !== "excluded" && item.type === "dir" ? `${item.path}/` : item.path;
}

function cost(item: BackupItem): string {
  if (item.action === "excluded" || item.action === "unchanged") return "";
  const { type, addedBytes, storedBytes, elapsedMs } = item;
  if (type !== "file" && type !== "dir") return "";
  const sizes =
    type === "dir"
      ? `${formatBytes(storedBytes)} metadata`
      : `${formatBytes(addedBytes)} added, ${formatBytes(storedBytes)} stored`;
  return `, saved in ${(elapsedMs / 1000).toFixed(3)}s (${sizes})`;
}

const NO_SIZES = {
  duration: 0,
  data_size: 0,
  data_size_in_repo: 0,
  metadata_size: 0,
  metadata_size_in_repo: 0,
  total_files: 0,
} as const;

/** restic's fields, and the entry's type and size. */
function itemJson(item: BackupItem): unknown {
  if (item.action === "excluded") return { message_type: "excluded_item", item: item.path };
  const { action, type, addedBytes, storedBytes } = item;
  const added =
    type === "dir"
      ? { metadata_size: addedBytes, metadata_size_in_repo: storedBytes }
      : { data_size: addedBytes, data_size_in_repo: storedBytes };
  const duration = action === "unchanged" ? 0 : item.elapsedMs / 1000;
  const status = { message_type: "verbose_status", action, item: shownPath(item) };
  return { ...status, ...NO_SIZES, duration, ...added, type, size: item.sizeBytes };
}
