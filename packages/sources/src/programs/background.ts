/** A program that serves while something else is done: a server of disks, an emulator. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions } from "../contract/source.ts";
import type { ProgramCall, Programs } from "./programs.ts";

const POLL_MS = 25;

export interface BackgroundProgram {
  /** Rejects with why it ended when nobody had it end; never resolves before `end`. */
  readonly ended: Promise<void>;
  /** Ends it and waits until it has ended. May be called twice. */
  end(): Promise<void>;
}

/**
 * Starts a program, and waits until it is ready. It ends with the signal.
 * @throws what running it throws when it ends before it is ready, and what `isReady` throws
 */
export async function startInBackground(
  programs: Programs,
  call: ProgramCall,
  isReady: () => Promise<boolean>,
  { signal }: CallOptions,
): Promise<BackgroundProgram> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  let isOver = false;
  const ended = (async () => {
    try {
      const said = await programs.text(call, { signal: both });
      if (!ending.signal.aborted)
        throw new Error(`${call.tool} has ended${said.trim() === "" ? "" : `: ${said.trim().slice(0, 500)}`}`);
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    } finally {
      isOver = true;
    }
  })();
  ended.catch(() => {});
  const end = async (): Promise<void> => {
    ending.abort(new Error("not needed any more"));
    await ended.catch(() => {});
  };
  try {
    while (!(await isReady())) {
      if (isOver) await ended;
      await sleep(POLL_MS, undefined, { signal });
    }
    return { ended, end };
  } catch (error) {
    await end();
    signal.throwIfAborted();
    throw error;
  }
}
