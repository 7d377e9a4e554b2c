/** What `diff` prints, line for line as restic does. */
import { type Change, type LiveDiff, type TreeDiff, displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";

/** So many lines may wait to be written before the comparison waits for them. */
const LINES_AT_ONCE = 4096;

/** Prints changes; waits now and then, so that a slow reader does not fill the memory. With --quiet nothing is printed. */
export function changePrinter(output: Output): (change: Change) => void | Promise<void> {
  const { json, quiet } = output.settings;
  if (quiet) return () => {};
  let lines = 0;
  return ({ modifier, path }) => {
    if (json) output.printJson({ message_type: "change", path, modifier });
    else output.print(`${modifier.padEnd(5)}${displayPath(path)}`);
    return ++lines % LINES_AT_ONCE === 0 ? output.flush() : undefined;
  };
}

/** @param names of the two sides, as whole ids with their folders */
export function reportTreeDiff(diff: TreeDiff, output: Output, names: { source: string; target: string }): void {
  const { added, removed, changedFiles } = diff;
  if (output.settings.json) {
    output.printJson({
      message_type: "statistics",
      source_snapshot: names.source,
      target_snapshot: names.target,
      changed_files: changedFiles,
      added: countsJson(added),
      removed: countsJson(removed),
    });
    return;
  }
  printEntryCounts(diff, output);
  output.print(`Data Blobs:  ${five(added.dataBlobs)} new, ${five(removed.dataBlobs)} removed`);
  output.print(`Tree Blobs:  ${five(added.treeBlobs)} new, ${five(removed.treeBlobs)} removed`);
  output.print(`  Added:   ${size(added.bytes)}`);
  output.print(`  Removed: ${size(removed.bytes)}`);
}

export function reportLiveDiff(
  diff: LiveDiff,
  output: Output,
  { source, paths }: { source: string; paths: readonly string[] },
): void {
  const { added, removed, changedFiles, changedBytes } = diff;
  if (output.settings.json) {
    output.printJson({
      message_type: "statistics",
      source_snapshot: source,
      live_paths: paths,
      changed_files: changedFiles,
      changed_bytes: changedBytes,
      added,
      removed,
    });
    return;
  }
  printEntryCounts(diff, output);
  output.print(`  Added:   ${size(added.bytes)}`);
  output.print(`  Removed: ${size(removed.bytes)}`);
  output.print(`  Changed: ${size(changedBytes)}`);
}

function printEntryCounts({ added, removed, changedFiles }: TreeDiff | LiveDiff, output: Output): void {
  output.print("");
  output.print(`Files:       ${five(added.files)} new, ${five(removed.files)} removed, ${five(changedFiles)} changed`);
  output.print(`Dirs:        ${five(added.dirs)} new, ${five(removed.dirs)} removed`);
  output.print(`Others:      ${five(added.others)} new, ${five(removed.others)} removed`);
}

function countsJson({ files, dirs, others, dataBlobs, treeBlobs, bytes }: TreeDiff["added"]): unknown {
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}

function five(count: number): string {
  return String(count).padStart(5);
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** `12.345 MiB`: restic's form here, so that scripts that read it find it. */
function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`.padEnd(5);
  const unit = Math.min(UNITS.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** unit).toFixed(3)} ${UNITS[unit - 1]}`;
}
