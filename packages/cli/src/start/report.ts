/** What `start` says: where things are, and what is proven. */
import { displayPath } from "@holdfast/engine";
import type { Places, ProtectResult } from "@holdfast/protection";
import type { Output } from "../output/output.ts";
import { formatBytes, formatCount, formatDuration, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** At the first run: the key is made, and only the user can bring it to safety. */
export function reportPlaces({ repository, passwordFile }: Places, output: Output): void {
  output.message(`made an encrypted repository at ${displayPath(repository)}`);
  output.message(`made its password: ${displayPath(passwordFile)} (only you can read it)`);
  output.message(
    "Bring a copy of the password file to another place now, such as a password manager or a sheet of paper:",
  );
  output.message("when this disk dies, that copy is the only way into any copy of the repository.");
}

/** How to look into the repository that Holdfast made itself, and get files back; no location needs to be named for it. */
export function reportRestoreCommand({ proven }: ProtectResult, output: Output): void {
  if (!proven || output.settings.json) return;
  output.message("");
  output.message("look:     npx holdfast snapshots");
  output.message("restore:  npx holdfast restore latest --target FOLDER");
}

export function reportProof(result: ProtectResult, location: string, output: Output): void {
  if (output.settings.json) return output.printJson(proofJson(result, location));
  const { backup, restore, check, proven } = result;
  const { counts } = backup;
  const isFirst = backup.parentId === undefined;
  const lines = [
    "",
    proven ? "PROVEN" : "NOT PROVEN",
    `  stored    ${plural(backup.filesDone, "file")}, ${formatBytes(backup.bytesDone)}, as snapshot ${shortId(backup.snapshotId ?? "")}` +
      (isFirst
        ? ""
        : ` (${formatCount(counts.filesNew)} new, ${formatCount(counts.filesChanged)} changed, ${formatCount(counts.filesUnmodified)} the same)`),
    `            ${formatBytes(counts.dataAddedPacked)} added to the repository in ${formatDuration(backup.elapsedMs)}`,
    `  restored  ${plural(restore.restored, "random entry", "random entries")}, ${formatBytes(restore.restoredBytes)}${restore.failures.length === 0 ? ": content and metadata as in the snapshot" : ""}`,
    `            ${formatCount(restore.equalToSource)} compared with the source byte for byte` +
      (restore.changedSince === 0 ? "" : `, ${formatCount(restore.changedSince)} changed there since`),
    `  checked   ${plural(check.snapshots, "snapshot")}${check.healthy ? " complete" : ", not all complete"}, ${formatCount(check.packsRead)} of ${plural(check.packs, "pack")} read and verified (${formatBytes(check.bytesRead)})`,
    ...unreadable(result),
    ...failures(result),
    ...(proven
      ? []
      : [
          "",
          restore.restored === 0
            ? "Nothing was restored, so nothing is proven: name paths that hold files."
            : "Do not rely on this repository. Run `holdfast check --read-data` and look at what it names.",
        ]),
  ];
  for (const line of lines) output.message(line);
}

function unreadable({ backup }: ProtectResult): string[] {
  const count = backup.problems.unreadable;
  return count === 0
    ? []
    : [
        `  missing   ${plural(count, "file or folder", "files and folders")} could not be read and are not protected (listed above)`,
      ];
}

function failures({ restore, check }: ProtectResult): string[] {
  return [
    ...restore.failures.map(({ path, reason }) => `  FAILED    ${path}: ${reason}`),
    ...check.findings.slice(0, 20).map(({ what, reason }) => `  found     ${what}: ${reason}`),
  ];
}

function proofJson({ backup, restore, check, proven }: ProtectResult, location: string): unknown {
  return {
    message_type: "proof",
    proven,
    repository: location,
    snapshot_id: backup.snapshotId,
    files: backup.filesDone,
    bytes: backup.bytesDone,
    files_unreadable: backup.problems.unreadable,
    data_added_packed: backup.counts.dataAddedPacked,
    restored: restore.restored,
    restored_bytes: restore.restoredBytes,
    equal_to_source: restore.equalToSource,
    changed_since: restore.changedSince,
    failures: restore.failures,
    healthy: check.healthy,
    packs: check.packs,
    packs_read: check.packsRead,
    findings: check.findings,
  };
}
