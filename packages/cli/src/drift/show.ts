/** Shows what changed between two reports on a system. */
import type { TopicDrift } from "@holdfast/sources";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";

/** A side of the comparison: a snapshot, or the system as it is now. */
export interface DriftSide {
  /** `undefined` for now. */
  readonly snapshotId: string | undefined;
  /** When the system was so; ISO 8601. */
  readonly time: string;
}

export interface Drift {
  readonly source: string;
  readonly from: DriftSide;
  readonly to: DriftSide;
  readonly topics: readonly TopicDrift[];
}

export function showDrift({ source, from, to, topics }: Drift, output: Output): void {
  if (output.settings.json) {
    const side = ({ snapshotId, time }: DriftSide) => ({ snapshot_id: snapshotId, time });
    output.printJson({
      message_type: "drift",
      source,
      from: side(from),
      to: side(to),
      drifted: topics.length > 0,
      topics,
    });
    return;
  }
  for (const { topic, added, removed, changed } of topics) {
    output.print(topic);
    for (const line of removed) output.print(`  ${output.color("31", "-")} ${safeText(line)}`);
    for (const line of added) output.print(`  ${output.color("32", "+")} ${safeText(line)}`);
    for (const each of changed)
      output.print(`  ${output.color("33", "~")} ${safeText(each.from)} -> ${safeText(each.to)}`);
  }
  output.print(topics.length === 0 ? `${source} has not changed` : `${source} has changed: ${counted(topics)}`);
}

function counted(topics: readonly TopicDrift[]): string {
  const sum = (of: (topic: TopicDrift) => number): number => topics.reduce((total, topic) => total + of(topic), 0);
  return [
    `${sum(({ added }) => added.length)} added`,
    `${sum(({ removed }) => removed.length)} removed`,
    `${sum(({ changed }) => changed.length)} changed, in ${topics.length} topic${topics.length === 1 ? "" : "s"}`,
  ].join(", ");
}
