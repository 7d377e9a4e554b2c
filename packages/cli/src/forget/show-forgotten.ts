/** Forgotten snapshots as people and programs read them. */
import { DEFAULT_GRACE_MS, type ForgottenSnapshot, type Hold, displayPath, holdsOf } from "@holdfast/engine";
import { formatTable } from "../output/table.ts";
import { formatLocalTime, plural } from "../output/units.ts";
import { shortId, snapshotJson } from "../snapshot-json.ts";

/** With when it was forgotten, and from when on a prune may remove its data; `null` where that is not known or not near. */
export function forgottenJson(forgotten: ForgottenSnapshot, holds: readonly Hold[]): Record<string, unknown> {
  const { forgottenAtMs } = forgotten;
  const held = holdsOf(holds, forgotten).map(({ id }) => id);
  const untilMs = keptUntilMs(forgotten, held.length > 0);
  return {
    ...snapshotJson(forgotten),
    forgotten_at: forgottenAtMs === undefined ? null : isoTime(forgottenAtMs),
    kept_until: untilMs === undefined ? null : isoTime(untilMs),
    holds: held,
  };
}

/** The lines of a table. */
export function forgottenTable(
  forgotten: readonly ForgottenSnapshot[],
  holds: readonly Hold[],
  width: number | undefined,
): string[] {
  const columns = [
    { heading: "ID" },
    { heading: "Time" },
    { heading: "Host" },
    { heading: "Paths", shrinks: true },
    { heading: "Forgotten" },
    { heading: "Data kept until" },
  ] as const;
  const rows = forgotten.map((each) => {
    const { id, snapshot, forgottenAtMs } = each;
    const isHeld = holdsOf(holds, each).length > 0;
    const untilMs = keptUntilMs(each, isHeld);
    return [
      shortId(id),
      formatLocalTime(snapshot.timeNs),
      displayPath(snapshot.hostname),
      snapshot.paths.map(displayPath).join("\n"),
      forgottenAtMs === undefined ? "unknown" : localTime(forgottenAtMs),
      untilMs === undefined ? (isHeld ? "held" : "unknown") : localTime(untilMs),
    ];
  });
  return formatTable(columns, rows, { foot: plural(forgotten.length, "forgotten snapshot"), width });
}

function keptUntilMs({ forgottenAtMs }: ForgottenSnapshot, isHeld: boolean): number | undefined {
  return isHeld || forgottenAtMs === undefined ? undefined : forgottenAtMs + DEFAULT_GRACE_MS;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function localTime(ms: number): string {
  return formatLocalTime(BigInt(Math.floor(ms)) * 1_000_000n);
}
