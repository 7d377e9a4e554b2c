/** QEMU's monitor (QMP) over a unix socket. It talks to one at a time: who comes second waits until the first has gone. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, systemCode } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type JsonObject, JsonLines } from "../json-lines.ts";

/** How long QEMU may take for one command: it answers at once, unless its disks hang. */
const ANSWER_MS = 30_000;
/** It greets at once, unless it talks to another. */
const GREETING_MS = 10_000;
const POLL_MS = 25;

/** QEMU has refused a command. `errorClass` is its own word: `GenericError`, `CommandNotFound`, `DeviceNotFound` … */
export class QmpRefusal extends Error {
  readonly errorClass: string;

  constructor(command: string, errorClass: string, description: string) {
    super(`${command}: ${description}`);
    this.name = "QmpRefusal";
    this.errorClass = errorClass;
  }
}

interface Waiting {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class QmpConnection {
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(event: string, data: JsonObject) => void>();
  readonly #source: string;
  readonly #greeting = Promise.withResolvers<void>();
  #lines: JsonLines | undefined;
  #next = 1;

  private constructor(source: string) {
    this.#source = source;
  }

  /** @param source for messages @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS */
  static async open(path: string, source: string, { signal }: CallOptions): Promise<QmpConnection> {
    const connection = new QmpConnection(source);
    try {
      connection.#lines = await JsonLines.open(path, (message) => connection.#receive(message), { signal });
      await connection.#lines.within(connection.#greeting.promise, GREETING_MS, { signal }).catch((error: unknown) => {
        throw new Error(`it does not greet, as when another program is connected to it: ${messageOf(error)}`, {
          cause: error,
        });
      });
      await connection.execute("qmp_capabilities", {}, { signal });
      return connection;
    } catch (error) {
      connection.close();
      signal.throwIfAborted();
      const isRefused = ["EACCES", "EPERM"].includes(systemCode(error) ?? "");
      const reason = `${path}: ${messageOf(error)}`;
      throw sourcesError(isRefused ? "SOURCES_CREDENTIALS" : "SOURCES_UNREACHABLE", { source, reason }, error);
    }
  }

  /** What the command returns. @throws QmpRefusal, SOURCES_UNREACHABLE */
  async execute(command: string, args: JsonObject, { signal }: CallOptions): Promise<unknown> {
    const lines = this.#lines;
    if (lines === undefined) throw new Error("the connection is not open");
    signal.throwIfAborted();
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { command, resolve, reject }));
    try {
      lines.send({ execute: command, arguments: args, id });
      return await lines.within(answer, ANSWER_MS, { signal });
    } catch (error) {
      if (error instanceof QmpRefusal) throw error;
      signal.throwIfAborted();
      throw sourcesError(
        "SOURCES_UNREACHABLE",
        { source: this.#source, reason: `${command}: ${messageOf(error)}` },
        error,
      );
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Asks again and again until it is so. @throws Error after `limitMs` */
  async until(isSo: () => Promise<boolean>, limitMs: number, { signal }: CallOptions): Promise<void> {
    const endMs = performance.now() + limitMs;
    while (!(await isSo())) {
      if (performance.now() > endMs) throw new Error(`QEMU did not come to an end within ${limitMs / 1000} s`);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Hears of events until the function that it returns is called. */
  onEvent(listener: (event: string, data: JsonObject) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#lines?.close();
  }

  #receive(message: JsonObject): void {
    if ("QMP" in message) return this.#greeting.resolve();
    if (typeof message["event"] === "string") {
      for (const listener of this.#listeners) listener(message["event"], (message["data"] ?? {}) as JsonObject);
      return;
    }
    const waiting = this.#waiting.get(Number(message["id"]));
    if (waiting === undefined) return;
    const { error } = message as { error?: { class?: string; desc?: string } };
    if (error === undefined) waiting.resolve(message["return"]);
    else waiting.reject(new QmpRefusal(waiting.command, error.class ?? "", error.desc ?? "refused"));
  }
}
