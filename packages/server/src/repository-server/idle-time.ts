/** Waiting for the other side of a connection, but not for ever. */
import { serverError } from "../errors.ts";

/** What `promise` gives, if it does in time. @throws SERVER_STALLED, the signal's reason, what `promise` throws */
export async function withinTime<T>(promise: Promise<T>, idleMs: number, signal: AbortSignal): Promise<T> {
  // The promise may lose the race, and fail later.
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(serverError("SERVER_STALLED", { seconds: idleMs / 1000 })), idleMs);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
