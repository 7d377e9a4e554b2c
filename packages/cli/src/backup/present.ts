/** What a backup says about blobs that it found in the repository and has read again (`--verify-present`). */
import { messageOf } from "@holdfast/base";
import type { BackupResult } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { recordEvidence } from "../evidence/record.ts";
import type { Output } from "../output/output.ts";
import { formatBytes, plural } from "../output/units.ts";
import type { Session } from "../repository-session.ts";
import { shortId } from "../snapshot-json.ts";

/** Notes of the snapshot that it relies on what is not there, so that nobody takes it for whole. */
export async function recordPresent(
  context: Pick<CommandContext, "output">,
  session: Session,
  { present, snapshotId, treeId }: BackupResult,
  { signal, beganAtMs }: { readonly signal: AbortSignal; readonly beganAtMs: number },
): Promise<void> {
  if (present === undefined || present.damaged.length === 0 || snapshotId === undefined) return;
  const damaged = [{ snapshot: snapshotId, tree: treeId }];
  await recordEvidence(context, session, { run: "backup", beganAtMs, damaged }, { signal });
}

/** Says what was found. @returns whether anything is not what its name says */
export function reportPresent({ present }: BackupResult, output: Output): boolean {
  if (present === undefined) return false;
  const { blobs, bytes, damaged, unread } = present;
  if (unread !== undefined) {
    const why = `what the repository had already could not be read, and so is not verified: ${messageOf(unread)}`;
    output.warn(why, { during: "verify-present" });
  }
  for (const { type, id, packs, reason } of damaged) {
    const where = packs.map(shortId).join(", ");
    const text = `the repository had the ${type} blob ${shortId(id)} already, in pack ${where}, and it is not what its name says: ${reason}`;
    output.warn(text, { during: "verify-present", item: id });
  }
  if (!output.settings.json) {
    output.message(`read again ${plural(blobs, "blob")}, ${formatBytes(bytes)}, that the repository had already`);
  }
  if (damaged.length === 0) return false;
  if (!output.settings.json) {
    output.message(
      "hint: run `holdfast check --read-data`, `holdfast repair packs` for what it names, and back up again with --force while the files are here. Find out who has stored these packs.",
    );
  }
  return true;
}

/** Fields for the summary in JSON. */
export function presentJson({ present }: BackupResult): unknown {
  if (present === undefined) return undefined;
  const { blobs, bytes, damaged, unread } = present;
  return {
    blobs,
    bytes,
    damaged: damaged.map(({ type, id, packs }) => ({ type, id, packs })),
    complete: unread === undefined,
  };
}
