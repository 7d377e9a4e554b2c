/** What was there when coverage was looked at last, so that what is new can be told. */
import { z } from "zod";

const VERSION = 1;
const MOST_SCOPES = 50;

const scope = z.object({
  /** When it was looked at last; ISO 8601, UTC. */
  at: z.iso.datetime(),
  /** When each candidate was seen first, by its id. */
  seen: z.record(z.string(), z.iso.datetime()),
});
const states = z.object({ version: z.literal(VERSION), scopes: z.record(z.string(), scope) });

/** Of one look at the same folders. */
export type LastTime = z.infer<typeof scope>;
/** By what was looked at: the whole host, or some paths. */
export type LastTimes = ReadonlyMap<string, LastTime>;

/** The name of what is looked at. */
export function scopeOf(paths: readonly string[], { withRemote = false } = {}): string {
  const where = paths.length === 0 ? "host" : [...paths].sort().join("\0");
  return withRemote ? `${where}\0with remote` : where;
}

/** `undefined` when it is none. */
export function decodeLastTimes(text: string): LastTimes | undefined {
  try {
    const parsed = states.safeParse(JSON.parse(text));
    return parsed.success ? new Map(Object.entries(parsed.data.scopes)) : undefined;
  } catch {
    return undefined;
  }
}

export function encodeLastTimes(times: LastTimes): string {
  const newest = [...times].sort(([, a], [, b]) => (a.at < b.at ? 1 : -1)).slice(0, MOST_SCOPES);
  return `${JSON.stringify({ version: VERSION, scopes: Object.fromEntries(newest) })}\n`;
}

/** What is there now, with when each was seen first. */
export function nextTime(last: LastTime | undefined, ids: readonly string[], nowMs: number): LastTime {
  const at = new Date(nowMs).toISOString();
  return { at, seen: Object.fromEntries(ids.map((id) => [id, last?.seen[id] ?? at])) };
}
