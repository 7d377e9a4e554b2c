/** Time limits on what others do: a hook that hangs must not keep a database frozen. */
import { sourcesError } from "../errors.ts";

export interface TimeLimit {
  readonly ms: number;
  /** For messages: `the command of prepare`. */
  readonly what: string;
  readonly source: string;
  /** The setting that raises it. */
  readonly setting: string;
}

/**
 * A signal that is aborted with `signal`, and with SOURCES_TOO_LONG once time is up. `end` must be called.
 */
export function limitTime(
  { ms, what, source, setting }: TimeLimit,
  { signal }: { signal: AbortSignal },
): { readonly signal: AbortSignal; end(): void } {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(sourcesError("SOURCES_TOO_LONG", { what, source, limit: `${ms / 1000} s`, setting }));
  }, ms);
  return { signal: AbortSignal.any([signal, limit.signal]), end: () => clearTimeout(timer) };
}

/** Runs `work` within a limit. @throws SOURCES_TOO_LONG, and what `work` throws */
export async function withinLimit<T>(
  limit: TimeLimit,
  work: (signal: AbortSignal) => Promise<T>,
  options: { signal: AbortSignal },
): Promise<T> {
  const limited = limitTime(limit, options);
  try {
    return await work(limited.signal);
  } finally {
    limited.end();
  }
}
