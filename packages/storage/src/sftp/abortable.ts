/** Waiting for what cannot be called back: the reply to a request that was sent. */
import type { Handle, SftpCalls } from "./protocol/sftp-calls.ts";

/**
 * What `promise` gives, or the signal's reason as soon as it is aborted. Whatever the promise gives after that is dropped.
 * @param graceMs how long after an abort an outcome is still waited for, where it makes a difference
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal, graceMs = 0): Promise<T> {
  promise.catch(() => {}); // it may fail after nobody waits any more
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    onAbort = (): void => {
      if (graceMs === 0) return give();
      timer = setTimeout(give, graceMs);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}

/** Waits for `promise`, whatever it gives, but no longer than `ms`. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([promise.then(undefined, () => {}), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `opening` opens. When that comes after an abort, it is closed again. */
export async function openedHandle(calls: SftpCalls, opening: Promise<Handle>, signal: AbortSignal): Promise<Handle> {
  try {
    return await abortable(opening, signal);
  } catch (error) {
    opening.then(
      (handle) => calls.closeHandle(handle).catch(() => {}),
      () => {},
    );
    throw error;
  }
}
