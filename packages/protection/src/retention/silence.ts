/** Whether a source has gone silent: how long since its last snapshot, beside how long it usually takes. */

const WINDOW_MS = 7 * 24 * 3_600_000;
const FEWEST_PAUSES = 3;
/** Backups that somebody makes by hand within minutes do not say that the source has one every few minutes. */
const SHORTEST_PERIOD_MS = 12 * 3_600_000;

interface Silence {
  /** Since the newest. */
  readonly silentMs: number;
  /** The longest pause lately: `undefined` when there were too few to tell. */
  readonly usualMs: number | undefined;
}

/**
 * Looks at the pauses of the week before the newest snapshot, or at the last three when these reach further back. Older
 * ones were thinned out by retention itself and say nothing. It is the longest pause, not the middle one, so that a source
 * which rests at night and on Sundays is not unseen every night.
 * @param timesMs newest first
 */
export function unseenFor(timesMs: readonly number[], nowMs: number): Silence {
  const newest = timesMs[0];
  if (newest === undefined) return { silentMs: 0, usualMs: undefined };
  const recent = timesMs.filter((ms, at) => at <= FEWEST_PAUSES || newest - ms <= WINDOW_MS);
  const pauses = recent.slice(1).map((ms, at) => (recent[at] as number) - ms);
  const usualMs =
    pauses.length < FEWEST_PAUSES ? undefined : pauses.reduce((a, b) => Math.max(a, b), SHORTEST_PERIOD_MS);
  return { silentMs: nowMs - newest, usualMs };
}
