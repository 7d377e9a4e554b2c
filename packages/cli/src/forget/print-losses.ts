/** Says exactly what snapshots lack. */
import { type SnapshotLosses, displayPath } from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** Every file and folder that a snapshot cannot give back; as JSON a line for each snapshot. */
export function printLosses(output: Output, losses: readonly SnapshotLosses[]): void {
  for (const { id, parts, isCutShort } of losses) {
    if (output.settings.json) {
      output.printJson({ message_type: "snapshot_incomplete", id, missing: parts, is_cut_short: isCutShort });
      continue;
    }
    const count = plural(parts.length, "file or folder", "files or folders");
    output.print(`snapshot ${shortId(id)} lacks data of ${isCutShort ? "more than " : ""}${count}:`);
    for (const { kind, path, reason } of parts) {
      output.print(`  ${displayPath(path)}${kind === "folder" && path !== "/" ? "/" : ""}: ${safeText(reason)}`);
    }
  }
}
