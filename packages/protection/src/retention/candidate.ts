/** Makes what retention looks at from a stored snapshot. */
import type { StoredSnapshot } from "@holdfast/engine";
import type { Candidate } from "./policy.ts";

/** What is known of a snapshot besides its file. */
export type CandidateFacts = Pick<Candidate, "receivedAtMs" | "complete" | "verifiedAtMs" | "pinned"> & {
  readonly holds?: Candidate["holds"];
};

/** The candidate of a stored snapshot. */
export function candidateOf(
  { id, snapshot }: StoredSnapshot,
  { holds = [], ...facts }: CandidateFacts = {},
): Candidate {
  const { timeNs, time, hostname, paths, tags, summary } = snapshot;
  const size = summary && { files: summary.totalFilesProcessed, bytes: summary.totalBytesProcessed };
  return { id, timeNs, offsetSeconds: offsetOf(time), hostname, paths, tags, size, holds, ...facts };
}

/** The offset at the end of a time as Go writes it: `Z` or `+02:00`, in seconds east of UTC. */
function offsetOf(time: string): number {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(time) ?? [];
  return (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60) * (sign === "-" ? -1 : 1);
}
