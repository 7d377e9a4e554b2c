/** A hold as people and programs read it. */
import { type Hold, type HoldSelector, displayPath } from "@holdfast/engine";
import { formatInstant, formatLocalTime } from "../output/units.ts";
import { shortId } from "../snapshot-json.ts";

/** @param snapshots how many it keeps at present */
export function holdJson(
  { id, selector, reason, owner, reviewOn, createdAtMs }: Hold,
  snapshots: number,
): Record<string, unknown> {
  const { hosts = [], paths = [], tags = [], ids = [], fromNs, toNs } = selector;
  return {
    id,
    short_id: shortId(id),
    created: new Date(createdAtMs).toISOString(),
    hosts,
    paths,
    tags,
    ids,
    time_from: fromNs === undefined ? undefined : formatInstant(fromNs),
    time_to: toNs === undefined ? undefined : formatInstant(toNs),
    reason,
    owner,
    review_on: reviewOn,
    snapshots,
  };
}

/** What a hold is for, a criterion a line. */
export function describeSelector(selector: HoldSelector): string {
  const { hosts = [], paths = [], tags = [], ids = [], fromNs, toNs } = selector;
  const lines = [
    ...(ids.length > 0 ? [`snapshot ${ids.map(shortId).join(", ")}`] : []),
    ...(hosts.length > 0 ? [`host ${hosts.map(displayPath).join(" or ")}`] : []),
    ...paths.map((path) => `path ${displayPath(path)}`),
    ...(tags.length > 0 ? [`tags ${tags.map(describeTags).join(" or ")}`] : []),
    ...(fromNs === undefined ? [] : [`from ${formatLocalTime(fromNs)}`]),
    ...(toNs === undefined ? [] : [`to ${formatLocalTime(toNs)}`]),
  ];
  return lines.length === 0 ? "all snapshots" : lines.join("\n");
}

function describeTags(tags: readonly string[]): string {
  return tags.length === 0 ? "none" : tags.map(displayPath).join(",");
}
