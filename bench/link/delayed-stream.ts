/** Moves the bytes of one socket to another through a delay line: one direction of a connection. */
import type { Readable, Writable } from "node:stream";
import { DelayLine } from "./delay-line.ts";

/** Time as the link knows it; tests have one of their own. */
export interface LinkClock {
  /** Milliseconds; only differences count. */
  nowMs(): number;
  /** Calls back at that time or a little later. @returns what takes the call back */
  at(ms: number, call: () => void): () => void;
}

export const realLinkClock: LinkClock = {
  nowMs: () => performance.now(),
  at(ms, call) {
    // Timers are whole milliseconds, and round up: half of one too early is nearer than half of one too late.
    const timer = setTimeout(call, Math.max(0, Math.round(ms - performance.now())));
    return () => clearTimeout(timer);
  },
};

/** How early a piece may arrive, because timers are no finer. */
const SLACK_MS = 0.6;

export interface DelayedStreamOptions {
  readonly from: Readable;
  readonly to: Writable;
  readonly delayMs: number;
  readonly capacityBytes: number;
  /** What is read before counts as sent at this time: nothing is sent before a connection is there. */
  readonly openMs: number;
  readonly clock: LinkClock;
  /** Called for each piece as it is sent. */
  readonly onSent?: (bytes: Uint8Array) => void;
}

/** @returns what ends it at once, and drops what is on its way */
export function delayStream(options: DelayedStreamOptions): () => void {
  const { from, to, clock, openMs, onSent } = options;
  const line = new DelayLine(options);
  let takeBack: (() => void) | undefined;
  const deliver = (): void => {
    takeBack = undefined;
    for (;;) {
      const piece = line.take(clock.nowMs() + SLACK_MS);
      if (piece === undefined) break;
      if (piece.bytes === undefined) to.end();
      // What the other end does not take now waits, and so does all behind it.
      else if (!to.write(piece.bytes)) {
        to.once("drain", wake);
        if (!line.isFull) from.resume();
        return;
      }
    }
    if (!line.isFull) from.resume();
    wait();
  };
  const wait = (): void => {
    const next = line.nextMs;
    if (next === undefined || takeBack !== undefined) return;
    // Without a delay no piece waits for a timer.
    if (next <= clock.nowMs()) deliver();
    else takeBack = clock.at(next, deliver);
  };
  const wake = (): void => {
    if (takeBack === undefined) deliver();
  };
  const isBlocked = (): boolean => to.listenerCount("drain", wake) > 0;
  const send = (bytes?: Uint8Array): void => {
    line.send(bytes === undefined ? {} : { bytes }, Math.max(clock.nowMs(), openMs));
    if (line.isFull) from.pause();
    if (!isBlocked()) wait();
  };
  from.on("data", (bytes: Uint8Array) => {
    onSent?.(bytes);
    send(bytes);
  });
  from.once("end", () => send());
  return () => takeBack?.();
}
