import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { orAborted } from "./or-aborted.ts";

const reason = new Error("enough");

test("what comes in time is given, also a failure", async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
  await expect(orAborted(Promise.reject(reason), signal)).rejects.toBe(reason);
});

test("an abort is given at once, before or while it waits, and a failure that comes later harms nobody", async () => {
  const late = sleep(20).then(() => Promise.reject(new Error("late")));
  await expect(orAborted(late, AbortSignal.abort(reason))).rejects.toBe(reason);
  const abort = new AbortController();
  const never = sleep(20).then(() => Promise.reject(new Error("late")));
  const waiting = orAborted(never, abort.signal);
  abort.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  // A failure that nobody handles would end the test run.
  await sleep(60);
});
