/** What `rewrite` prints. */
import {
  type RewriteRequest,
  type RewriteResult,
  type SnapshotOutcome,
  displayPath,
  formatGoTime,
} from "@holdfast/engine";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatBytes, formatLocalTime, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

export interface HowDone {
  readonly dryRun: boolean;
  readonly forget: boolean;
}

/** One line for each snapshot of which something is to be said. */
export function reportOutcome({ kind, old, files, bytes, error }: SnapshotOutcome, output: Output): void {
  if (output.settings.json) return;
  const { snapshot } = old;
  const what = `snapshot ${shortId(old.id)} of ${snapshot.paths.map(displayPath).join(", ")} at ${formatLocalTime(snapshot.timeNs)}`;
  const left = files === undefined ? "" : `, ${plural(files, "file")} with ${formatBytes(bytes ?? 0)} stay`;
  if (kind === "refused")
    output.warn(`${what}: ${safeText(error?.message ?? "")}`, { during: "rewrite", item: old.id });
  else if (kind === "rewritten") output.print(`${what}${left}`);
  else if (kind === "done") output.print(`${what}: was rewritten before`);
  else if (kind === "empty") output.print(`${what}: nothing in it is included, left as it is`);
  else output.message(`${what}: nothing to change`, 1);
}

export function reportRewrite(result: RewriteResult, request: RewriteRequest, output: Output, how: HowDone): void {
  if (output.settings.json) {
    for (const { old, error } of result.outcomes) {
      if (error !== undefined) output.warn(error.message, { during: "rewrite", item: old.id });
    }
  }
  for (const { id, reason } of result.unreadable) {
    output.warn(`snapshot ${id} cannot be read and was not rewritten: ${safeText(reason)}`, {
      during: "rewrite",
      item: id,
    });
  }
  if (output.settings.json) return output.printJson(summaryJson(result, how));
  const { length: changed } = result.outcomes.filter(({ kind }) => kind === "rewritten");
  if (how.dryRun) {
    output.print(`dry run: ${plural(changed, "snapshot")} would be rewritten, nothing was changed`);
    return;
  }
  if (result.outcomes.every(({ kind }) => kind === "unchanged")) return output.print("no snapshot had to be changed");
  for (const { old, rewritten } of result.saved) output.print(`${shortId(old)} is ${shortId(rewritten)} now`);
  const trees = result.treesRead === 0 ? "" : `, ${plural(result.treesRewritten, "folder")} written anew`;
  const forgot = how.forget ? `, forgot ${plural(result.forgotten.length, "snapshot")}` : "";
  output.print(`rewrote ${plural(changed, "snapshot")} of ${result.outcomes.length}${trees}${forgot}`);
  giveHints(result, request, output, how);
}

function giveHints(result: RewriteResult, request: RewriteRequest, output: Output, { forget }: HowDone): void {
  if (!forget && result.saved.length > 0) {
    output.message("hint: the old snapshots are still there; --forget replaces them");
  }
  if (!forget || result.forgotten.length === 0) return;
  output.message("hint: `holdfast unforget` brings the old snapshots back, until a prune some days later");
  if (request.exclude.length > 0 || request.include.length > 0) {
    output.message(
      "hint: `holdfast prune --grace 0 --max-unused 0` erases for good what was left out, and what else was forgotten",
    );
  }
}

function summaryJson({ outcomes, saved, forgotten, unreadable, ...counts }: RewriteResult, how: HowDone): unknown {
  const newIds = new Map(saved.map(({ old, rewritten }) => [old, rewritten]));
  return {
    message_type: "summary",
    dry_run: how.dryRun ? true : undefined,
    snapshots: outcomes.map(({ kind, old, form, files, bytes }) => ({
      old_snapshot_id: old.id,
      new_snapshot_id: newIds.get(old.id),
      result: kind,
      tree: form?.tree,
      total_files: files,
      total_bytes: bytes,
    })),
    forgotten_snapshots: forgotten,
    unreadable_snapshots: unreadable.map(({ id }) => id),
    trees_read: counts.treesRead,
    trees_rewritten: counts.treesRewritten,
  };
}

/** What is to be changed, for people. */
export function reportRequest({ hostname, timeNs }: RewriteRequest, output: Output): void {
  if (timeNs !== undefined) output.message(`setting the time to ${formatGoTime(timeNs)}`);
  if (hostname !== undefined) output.message(`setting the host to ${displayPath(hostname)}`);
}
