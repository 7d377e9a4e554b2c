/** Says what a push has stored. */
import type { PushedJournal } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { safeText } from "../output/safe-text.ts";
import { formatElapsed, plural } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";
import { repositoryTitle } from "./journaled-source.ts";

interface Told {
  readonly name: string;
  readonly pushed: PushedJournal;
  readonly elapsedMs: number;
  /** How often --verbose must be given. */
  readonly level?: number;
}

/** A line for each push; as JSON a `journal_push`, which is written at once. */
export function tellPush(context: CommandContext, { name, pushed, elapsedMs, level = 0 }: Told): void {
  const { output, chosen } = context;
  const { added, present, snapshots } = pushed;
  const snapshot = snapshots.at(-1);
  if (output.settings.json) {
    output.printJsonNow({
      message_type: "journal_push",
      source: name,
      repository: chosen?.name,
      stored: added.map((file) => ({
        name: file.name,
        stream: file.stream,
        partial: file.isPartial,
        bytes: file.usedBytes,
      })),
      present: present.map((file) => file.name),
      snapshot_id: snapshot,
      elapsed: elapsedMs / 1000,
    });
    return;
  }
  const last = added.at(-1);
  const what =
    last === undefined
      ? present.length > 0
        ? `${plural(present.length, "file")} that ${present.length === 1 ? "was" : "were"} there already`
        : "nothing new: it is current"
      : `${last.name}${last.isPartial ? `, ${plural(last.usedBytes, "byte")} so far` : ""}${added.length > 1 ? ` and ${plural(added.length - 1, "other file")}` : ""}`;
  const where = `${repositoryTitle(context)}${snapshot === undefined ? "" : `, snapshot ${shortId(snapshot)}`}`;
  output.message(safeText(`${name}: ${what}; in ${where}, ${formatElapsed(elapsedMs)}`), level);
}
