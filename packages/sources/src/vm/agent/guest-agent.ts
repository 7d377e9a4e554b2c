/** The guest agent of a machine (qemu-ga), over the unix socket that QEMU offers for it. It answers nobody when it does not run. */
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type JsonObject, JsonLines } from "../json-lines.ts";

/** Has the agent drop what it has of a line that somebody began before us. */
const RESET = Buffer.from([0xff]);
const THAW_TRIES = 3;
const THAW_PAUSE_MS = 500;
const MAX_SYNC_ID = 2 ** 31 - 1;

export class GuestAgent {
  #lines: JsonLines | undefined;
  #answer: ((message: JsonObject) => void) | undefined;

  private constructor() {}

  /** Resolves once the agent has answered. @throws Error when it does not within `limitMs` */
  static async open(path: string, limitMs: number, { signal }: CallOptions): Promise<GuestAgent> {
    const agent = new GuestAgent();
    try {
      agent.#lines = await JsonLines.open(path, (message) => agent.#answer?.(message), { signal });
      await agent.#synchronize(limitMs, { signal });
      return agent;
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  /** @throws Error with what the agent says against it, or when it says nothing within `limitMs` */
  async execute(command: string, limitMs: number, { signal }: CallOptions): Promise<unknown> {
    const message = await this.#ask({ execute: command }, () => true, limitMs, { signal });
    const { error } = message as { error?: { desc?: string } };
    if (error !== undefined) throw new Error(`${command}: ${error.desc ?? "refused"}`);
    return message["return"];
  }

  close(): void {
    this.#lines?.close();
  }

  /** Answers to what others asked before may still be under way; ours has our number. */
  async #synchronize(limitMs: number, options: CallOptions): Promise<void> {
    const id = randomInt(1, MAX_SYNC_ID);
    const isOurs = (message: JsonObject): boolean => message["return"] === id;
    const request = { execute: "guest-sync-delimited", arguments: { id } };
    await this.#ask(request, isOurs, limitMs, options, RESET);
  }

  async #ask(
    request: JsonObject,
    isAnswer: (message: JsonObject) => boolean,
    limitMs: number,
    options: CallOptions,
    prefix?: Uint8Array,
  ): Promise<JsonObject> {
    const lines = this.#lines;
    if (lines === undefined) throw new Error("the connection is not open");
    const answer = new Promise<JsonObject>((resolve) => {
      this.#answer = (message) => {
        if (isAnswer(message)) resolve(message);
      };
    });
    lines.send(request, prefix);
    return lines.within(answer, limitMs, options);
  }
}

export interface AgentPlace {
  /** For messages: `source web`. */
  readonly source: string;
  readonly path: string;
  /** How long the agent may take for an answer, and to freeze. */
  readonly limitMs: number;
}

/**
 * Freezes the file systems of the guest while `work` runs, and thaws them whatever happens. When freezing takes too long, it is
 * thawed, and `work` runs all the same: without an agent a machine is captured as after a power cut.
 * @returns with what `work` gave, how many file systems were frozen, or why none
 * @throws what `work` throws, and SOURCES_TOOL_FAILED when thawing failed
 */
export async function whileFrozen<T>(
  place: AgentPlace,
  work: () => Promise<T>,
  { signal }: CallOptions,
): Promise<{ readonly result: T; readonly frozen: number; readonly reason?: string }> {
  const { path, limitMs } = place;
  let agent: GuestAgent | undefined;
  let frozen: number | undefined;
  let reason: string | undefined;
  let result: T;
  try {
    try {
      agent = await GuestAgent.open(path, limitMs, { signal });
      frozen = Number(await agent.execute("guest-fsfreeze-freeze", limitMs, { signal }));
      if (frozen === 0) reason = "it has no file system that can be frozen";
    } catch (error) {
      signal.throwIfAborted();
      reason = messageOf(error);
    }
    result = await work();
  } finally {
    agent?.close();
    // The freeze may have come about although its answer did not.
    if (agent !== undefined) await thaw(place);
  }
  return { result, frozen: frozen ?? 0, ...(reason === undefined ? {} : { reason }) };
}

/** Thaws, and tries again when that fails; nothing ends it but its own limits. @throws SOURCES_TOOL_FAILED */
export async function thaw({ source, path, limitMs }: AgentPlace): Promise<void> {
  const { signal } = new AbortController();
  for (let tries = 1; ; tries++) {
    let agent: GuestAgent | undefined;
    try {
      agent = await GuestAgent.open(path, limitMs, { signal });
      await agent.execute("guest-fsfreeze-thaw", limitMs, { signal });
      return;
    } catch (error) {
      if (tries === THAW_TRIES) throw stillFrozen(source, error);
      await sleep(THAW_PAUSE_MS);
    } finally {
      agent?.close();
    }
  }
}

function stillFrozen(source: string, error: unknown): Error {
  const reason = `its file systems may still be frozen, so that whatever writes in it waits: ${messageOf(error)}. Look at the guest now: thaw it there (fsfreeze --unfreeze MOUNTPOINT), or restart it`;
  return sourcesError("SOURCES_TOOL_FAILED", { tool: "the guest agent", source, reason }, error);
}
