/**
 * The one place that puts decorators around a backend. From the outside in:
 *
 * access (read-only, append-only) → cache → warm-up → retry → rate limit → concurrency → backend
 *
 * A refused write costs nothing. A cached file causes no call. A repeated call pays for its bytes again, and waits for its turn
 * again, so that calls which wait between two tries hold nobody up. What is in a cold class is waited for outside of both.
 */
import type { Backend } from "./backend.ts";
import { AppendOnlyBackend } from "./decorators/append-only.ts";
import type { RetryOptions } from "./decorators/attempts.ts";
import { CacheBackend, type CacheOptions } from "./decorators/cache.ts";
import { ConcurrencyBackend } from "./decorators/concurrency.ts";
import { RateLimitBackend } from "./decorators/rate-limit.ts";
import { ReadOnlyBackend } from "./decorators/read-only.ts";
import { RetryBackend } from "./decorators/retry.ts";
import { WarmUpBackend, type WarmUpOptions } from "./decorators/warm-up.ts";

export interface ComposeOptions {
  /** Default: everything. */
  readonly access?: "everything" | "append-only" | "read-only";
  readonly cache?: CacheOptions;
  readonly retry?: RetryOptions;
  readonly warmUp?: WarmUpOptions;
  /** Bytes per second to the store. Default: no limit. */
  readonly uploadBytesPerSecond?: number | undefined;
  /** Bytes per second from the store. Default: no limit. */
  readonly downloadBytesPerSecond?: number | undefined;
  /** Calls at once. Default: what the backend says. */
  readonly maxConcurrency?: number | undefined;
}

/**
 * A backend as the engine uses it. Needs the repository's id for the cache, which is in the `config` file; to read that first,
 * compose without a cache, and then once more with it: the two hold nothing that closing the inner backend does not free.
 */
export function composeBackend(backend: Backend, options: ComposeOptions = {}): Backend {
  const { uploadBytesPerSecond, downloadBytesPerSecond, cache, access = "everything" } = options;
  let composed: Backend = new ConcurrencyBackend(backend, options.maxConcurrency);
  if (uploadBytesPerSecond !== undefined || downloadBytesPerSecond !== undefined) {
    composed = new RateLimitBackend(composed, { uploadBytesPerSecond, downloadBytesPerSecond });
  }
  composed = new WarmUpBackend(new RetryBackend(composed, options.retry), options.warmUp);
  if (cache !== undefined) composed = new CacheBackend(composed, cache);
  if (access === "append-only") return new AppendOnlyBackend(composed);
  return access === "read-only" ? new ReadOnlyBackend(composed) : composed;
}
