/** Stores a journal while its server writes it. */
import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/base";
import type { JournalFile, JournalSource } from "@holdfast/sources";
import { safeText } from "../output/safe-text.ts";
import { toldError } from "../output/told-error.ts";
import { plural } from "../output/units.ts";
import { repositoryTitle } from "./journaled-source.ts";
import type { PushLine } from "./push-line.ts";
import type { Spool } from "./spool.ts";
import { tellPush } from "./tell-push.ts";

/** How often the folder is looked at. */
const LOOK_MS = 500;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A server that gave its journal for so long gives it; one that refuses does so at once. */
const SETTLED_MS = 5_000;

export interface FollowerParts {
  readonly name: string;
  readonly source: JournalSource;
  readonly spoolFolder: string;
  readonly spool: Spool;
  /** The first one counts. */
  readonly lines: readonly [PushLine, ...PushLine[]];
  readonly heartbeatMs: number;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
  /** Aborted when what is left over can wait no longer. */
  readonly deadline: AbortSignal;
}

/** When a repository is tried again. */
interface LineState {
  readonly line: PushLine;
  pauseMs: number;
  notBeforeMs: number;
  lastPartialMs: number;
  lastPushMs: number;
}

export class Follower {
  readonly #parts: FollowerParts;
  readonly #lines: readonly LineState[];
  /** Since when the server gives us its journal, as far as we know. */
  #fedSinceMs: number | undefined;
  /** The server cannot go on from what lies in the spool folder. */
  #isToBeCleared = false;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    const fresh = { pauseMs: FIRST_PAUSE_MS, notBeforeMs: 0, lastPartialMs: 0, lastPushMs: performance.now() };
    this.#lines = parts.lines.map((line) => ({ line, ...fresh }));
  }

  /** Runs until its signal is aborted, and then stores what is left. @throws what cannot get better by itself */
  async run(): Promise<void> {
    const { signal, deadline } = this.#parts;
    const failed = new AbortController();
    const feeding = this.#feed(AbortSignal.any([signal, failed.signal]));
    feeding.catch((error: unknown) => failed.abort(error));
    try {
      while (!signal.aborted && !failed.signal.aborted) {
        await this.#round({ isLast: false, signal: deadline });
        await sleep(LOOK_MS, undefined, { signal: AbortSignal.any([signal, failed.signal]) }).catch(() => {});
      }
    } finally {
      failed.abort();
      await feeding.catch(() => {});
      for (const state of this.#lines) state.notBeforeMs = 0;
      await this.#round({ isLast: true, signal: deadline });
    }
    await feeding;
  }

  /** Has the server's files appear in the folder, again and again. */
  async #feed(signal: AbortSignal): Promise<void> {
    const { source, spoolFolder, name } = this.#parts;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const beganMs = performance.now();
      try {
        const onFollowing = (): void => {
          this.#fedSinceMs = performance.now();
        };
        await source.follow({ spool: spoolFolder, signal, onFollowing });
      } catch (error) {
        if (signal.aborted) return;
        if (!mayGetBetter(error)) throw error;
        this.#warn(`${name}: the server does not give its journal: ${toldError(error)}; trying again`);
        if (isHoldfastError(error, "SOURCES_JOURNAL_REMOVED")) await this.#startAnew(signal);
      } finally {
        this.#fedSinceMs = undefined;
      }
      if (performance.now() - beganMs > LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }

  /** Waits until what lies there is stored and out of the way: the server would be asked for what comes next for ever. */
  async #startAnew(signal: AbortSignal): Promise<void> {
    this.#isToBeCleared = true;
    while (this.#isToBeCleared && !signal.aborted) await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }

  get #isFed(): boolean {
    return this.#fedSinceMs !== undefined && performance.now() - this.#fedSinceMs >= SETTLED_MS;
  }

  /** Stores what is to be stored now, in each repository. */
  async #round({ isLast, signal }: { isLast: boolean; signal: AbortSignal }): Promise<void> {
    const { spool } = this.#parts;
    const files = await spool.files({ signal });
    for (const [at, state] of this.#lines.entries()) {
      if (performance.now() >= state.notBeforeMs) await this.#store(state, at, files, isLast);
    }
    const givenUp = await spool.tidy(files);
    if (this.#isToBeCleared && (await spool.clear(files))) this.#isToBeCleared = false;
    if (givenUp > 0) {
      const lost = plural(givenUp, "file");
      this.#warn(
        `${lost} of the journal wait no longer for repositories that are out of reach: \`holdfast copy\` brings them`,
      );
    }
  }

  async #store(state: LineState, at: number, all: readonly JournalFile[], isLast: boolean): Promise<void> {
    const { spool, source, name, heartbeatMs } = this.#parts;
    const nowMs = performance.now();
    const missing = spool.missing(all, at);
    const isPartialDue = isLast || nowMs - state.lastPartialMs >= source.partialEveryMs;
    const files = missing.some(({ isPartial }) => !isPartial) || isPartialDue ? missing : [];
    const isHeartbeat = files.length === 0 && this.#isFed && nowMs - state.lastPushMs >= heartbeatMs;
    if (files.length === 0 && !isHeartbeat) return;
    try {
      const pushed = await state.line.push(files, { isHeartbeat });
      spool.noteStored(files, at);
      state.lastPushMs = performance.now();
      if (files.some(({ isPartial }) => isPartial)) state.lastPartialMs = state.lastPushMs;
      state.pauseMs = FIRST_PAUSE_MS;
      tellPush(state.line.context, { name, pushed, elapsedMs: state.lastPushMs - nowMs });
    } catch (error) {
      // What the server has moved on from meanwhile comes under its new name.
      if (isHoldfastError(error, "SOURCES_NOT_JOURNAL") || (error as NodeJS.ErrnoException).code === "ENOENT") return;
      if (at === 0 && !mayGetBetter(error)) throw error;
      this.#warn(
        `${name}: nothing is stored in ${repositoryTitle(state.line.context)}: ${toldError(error)}; trying again`,
      );
      state.notBeforeMs = performance.now() + state.pauseMs;
      state.pauseMs = Math.min(LONGEST_PAUSE_MS, state.pauseMs * 2);
    }
  }

  #warn(text: string): void {
    const { lines, name } = this.#parts;
    lines[0].context.output.warn(safeText(text), { during: "journal", item: name });
  }
}

/** What a person has to look at ends the run; outages do not. */
function mayGetBetter(error: unknown): boolean {
  if (!isHoldfastError(error)) return true;
  return ![
    "SOURCES_JOURNAL_DIFFERS",
    "SOURCES_TOOL_MISSING",
    "SOURCES_TOOL_TOO_OLD",
    "SOURCES_SETTINGS",
    "ENGINE_WRONG_PASSWORD",
  ].includes(error.code);
}
