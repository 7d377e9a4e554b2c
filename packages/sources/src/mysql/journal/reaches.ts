/** Whether a capture, with the binary log after it, can be brought to a place. */
import type { StoredFacts } from "../../contract/facts.ts";
import type { RecoveryTarget } from "../../contract/recovery-target.ts";
import { parseBinlogName, placeIn } from "./binlog-names.ts";
import { parseGtids } from "./binlog-walk.ts";

/** What comes before the capture cannot be reached, nor what a log does not have: names. */
export function reachesTarget(facts: StoredFacts, until: RecoveryTarget): boolean {
  const place = placeIn(facts);
  if (place === undefined || facts.detail["isWhole"] === false) return false;
  switch (until.kind) {
    case "latest":
      return true;
    case "time":
      return Date.parse(facts.consistentAt) <= until.atMs;
    case "name":
      return false;
    case "position":
      return until.scheme === "gtid"
        ? isAfterGtid(facts.position["gtid"] ?? "", until.text)
        : until.scheme === "binlog" && isAfterPlace(place, until.text);
  }
}

function isAfterGtid(captured: string, text: string): boolean {
  const wanted = parseGtids(text);
  const had = captured === "" ? new Map<number, bigint>() : parseGtids(captured);
  if (wanted === undefined || had === undefined || wanted.size !== 1) return false;
  return [...wanted].every(([domain, sequence]) => (had.get(domain) ?? -1n) <= sequence);
}

function isAfterPlace(place: NonNullable<ReturnType<typeof placeIn>>, text: string): boolean {
  const [, file, position] = /^(.+):(\d{1,15})$/.exec(text) ?? [];
  const name = parseBinlogName(file ?? "");
  if (name === undefined || name.base !== place.name.base) return false;
  return name.number === place.name.number ? Number(position) >= place.position : name.number > place.name.number;
}
