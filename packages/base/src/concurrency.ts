/** Bounded concurrency. Every primitive here waits for what it started before it returns or throws. */

/**
 * Runs `run` over `items`, at most `limit` at a time. The first error aborts the signal that the other calls got; all calls
 * settle before it is thrown. Results keep the order of the items.
 */
export async function mapConcurrent<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  run: (item: T, signal: AbortSignal) => Promise<R>,
  { signal }: { signal: AbortSignal },
): Promise<R[]> {
  const results: R[] = [];
  await forEachConcurrent(
    items,
    limit,
    async (item, inner, index) => {
      results[index] = await run(item, inner);
    },
    { signal },
  );
  return results;
}

/** As `mapConcurrent`, without keeping results: memory stays bounded for endless inputs. */
export async function forEachConcurrent<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  run: (item: T, signal: AbortSignal, index: number) => Promise<void>,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const failure = new AbortController();
  const inner = AbortSignal.any([signal, failure.signal]);
  const running = new Set<Promise<void>>();
  let failed = false;
  let firstError: unknown;
  const fail = (error: unknown): void => {
    if (failed) return;
    failed = true;
    firstError = error;
    failure.abort(error);
  };
  let index = 0;
  try {
    for await (const item of items) {
      inner.throwIfAborted();
      const task: Promise<void> = run(item, inner, index++)
        .catch(fail)
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= limit) await Promise.race(running);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failed) throw firstError;
  signal.throwIfAborted();
}

/** A counting semaphore over units (calls, bytes). A request larger than the capacity is granted alone. */
export class Semaphore {
  #free: number;
  readonly #capacity: number;
  readonly #waiting: { units: number; grant: () => void }[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  /** Waits for `units`; the returned function gives them back (once). Order of arrival is kept. */
  async acquire(units = 1): Promise<() => void> {
    const wanted = Math.min(units, this.#capacity);
    if (this.#waiting.length > 0 || this.#free < wanted) {
      await new Promise<void>((grant) => this.#waiting.push({ units: wanted, grant }));
    } else {
      this.#free -= wanted;
    }
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#free += wanted;
      this.#wake();
    };
  }

  #wake(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#free < next.units) return;
      this.#waiting.shift();
      this.#free -= next.units;
      next.grant();
    }
  }
}
