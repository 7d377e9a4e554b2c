/** What was discovered as JSON, with names as all of our JSON has them. */
import type { Candidate, HostView } from "@holdfast/sources";

/** A candidate. What is not known is absent. */
export function candidateJson(candidate: Candidate): Readonly<Record<string, unknown>> {
  const { sizeBytes, growth, needs, command, within, isAtRest, ...rest } = candidate;
  return {
    ...rest,
    size_bytes: sizeBytes,
    changed_day_bytes: growth?.dayBytes,
    changed_week_bytes: growth?.weekBytes,
    needs: needs.map(({ what, detail, isThere, package: debian }) => ({
      what,
      detail,
      present: isThere,
      package: debian,
    })),
    at_rest: isAtRest,
    command,
    within,
  };
}

/** File systems and what was hidden; the same for all commands that look around. */
export function viewJson({ mounts, folders, unseen }: HostView): Readonly<Record<string, unknown>> {
  return {
    file_systems: mounts
      .filter(({ nature }) => nature !== "pseudo")
      .map(({ point, type, device, nature, totalBytes, usedBytes }) => ({
        path: point,
        type,
        device,
        nature,
        size_bytes: totalBytes,
        used_bytes: usedBytes,
        changed_day_bytes: folders.of(point)?.dayBytes,
        changed_week_bytes: folders.of(point)?.weekBytes,
      })),
    hidden: {
      places: unseen.places.map(({ path, code }) => ({ path, code })),
      place_count: unseen.placeCount,
      process_count: unseen.processes,
    },
  };
}
