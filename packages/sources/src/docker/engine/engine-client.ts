/** Talks to an engine of containers: HTTP over its unix socket, in the version of the API that both know. */
import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import { z } from "zod";
import { limitTime } from "../../content/time-limit.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { VERSION } from "./answers.ts";

/** All that is used is in this one; engines that no longer know it are asked in the oldest that they know. */
const API = "1.41";
const OLDEST = "1.24";
const NOT_THERE = 404;
const MAX_JSON_BYTES = 64 * 1024 * 1024;
const MAX_MESSAGE_CHARS = 500;

export interface EngineCall {
  readonly method?: "GET" | "POST" | "DELETE";
  /** The parts of the path; whatever is in them stays in its part. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is: an archive. */
  readonly upload?: AsyncIterable<Uint8Array>;
  /** Added to the limit of time, for what takes its time by itself. */
  readonly moreMs?: number;
  /** Statuses that are no failure besides 2xx. */
  readonly good?: readonly number[];
}

export interface EngineParts {
  readonly socket: string;
  /** For messages: `source shop`. */
  readonly source: string;
  /** For each answer. */
  readonly limitMs: number;
}

interface Answer {
  readonly status: number;
  readonly body: IncomingMessage;
  end(): void;
}

export class EngineClient {
  readonly parts: EngineParts;
  /** What answers: `Podman Engine`. */
  readonly name: string;
  readonly version: string;
  readonly api: string;

  private constructor(parts: EngineParts, about: { name: string; version: string; api: string }) {
    this.parts = parts;
    this.name = about.name;
    this.version = about.version;
    this.api = about.api;
  }

  /** @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS when this user may not, SOURCES_UNSUPPORTED for an engine that is too old */
  static async open(parts: EngineParts, options: CallOptions): Promise<EngineClient> {
    const asking = new EngineClient(parts, { name: "", version: "", api: "" });
    const found = await asking.json(VERSION, { path: ["version"] }, options);
    if (compareVersions(found.ApiVersion, OLDEST) < 0) {
      const reason = `it knows the API ${found.ApiVersion}, and ${OLDEST} is needed`;
      throw sourcesError("SOURCES_UNSUPPORTED", { source: parts.source, what: "this engine", reason });
    }
    const newest = compareVersions(found.ApiVersion, API) < 0 ? found.ApiVersion : API;
    const least = found.MinAPIVersion ?? OLDEST;
    const api = compareVersions(newest, least) < 0 ? least : newest;
    const name = found.Components.find((each) => /engine/i.test(each.Name))?.Name ?? "Engine";
    return new EngineClient(parts, { name: name === "Engine" ? "Docker Engine" : name, version: found.Version, api });
  }

  /** @throws SOURCES_TOOL_FAILED when it answers with an error, or not as it should; SOURCES_TOO_LONG, and as `open` */
  async json<T>(schema: z.ZodType<T>, call: EngineCall, options: CallOptions): Promise<T> {
    return this.#parsed(schema, call, await this.#send(call, options), options);
  }

  /** `undefined` when there is no such thing. @throws as `json` */
  async jsonIfThere<T>(schema: z.ZodType<T>, call: EngineCall, options: CallOptions): Promise<T | undefined> {
    const answer = await this.#send({ ...call, good: [NOT_THERE] }, options);
    if (answer.status !== NOT_THERE) return this.#parsed(schema, call, answer, options);
    answer.end();
    answer.body.destroy();
    return undefined;
  }

  async #parsed<T>(schema: z.ZodType<T>, call: EngineCall, answer: Answer, options: CallOptions): Promise<T> {
    try {
      const text = (await this.#bytes(call, answer.body)).toString("utf8");
      const parsed = schema.safeParse(JSON.parse(text));
      if (parsed.success) return parsed.data;
      throw this.#failed(call, `its answer is not as it should be: ${z.prettifyError(parsed.error)}`);
    } catch (error) {
      options.signal.throwIfAborted();
      throw isHoldfastError(error) ? error : this.#failed(call, messageOf(error), error);
    } finally {
      answer.end();
    }
  }

  /** Does something. @returns the HTTP status @throws as `json` */
  async run(call: EngineCall, options: CallOptions): Promise<number> {
    const answer = await this.#send({ method: "POST", ...call }, options);
    try {
      const said = (await this.#bytes(call, answer.body)).toString("utf8");
      // Loading an image answers with 200, and with the failure in its text.
      const failure = call.upload === undefined ? undefined : /"error":\s*"([^"]*)"/.exec(said)?.[1];
      if (failure !== undefined) throw this.#failed(call, failure);
      return answer.status;
    } catch (error) {
      options.signal.throwIfAborted();
      throw isHoldfastError(error) ? error : this.#failed(call, messageOf(error), error);
    } finally {
      answer.end();
    }
  }

  /** The bytes of an answer, without a limit of time once they come. Fails when they break off. @throws as `json` */
  async *stream(call: EngineCall, options: CallOptions): AsyncGenerator<Uint8Array> {
    const answer = await this.#send(call, options);
    answer.end();
    const stop = (): void => void answer.body.destroy();
    options.signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) yield chunk;
      options.signal.throwIfAborted();
      // An engine that dies ends the connection; what it has sent by then is not all.
      if (!answer.body.complete && answer.body.headers["transfer-encoding"] !== undefined)
        throw this.#failed(call, "its answer broke off");
    } catch (error) {
      options.signal.throwIfAborted();
      throw isHoldfastError(error) ? error : this.#failed(call, messageOf(error), error);
    } finally {
      options.signal.removeEventListener("abort", stop);
      answer.body.destroy();
    }
  }

  async #send(call: EngineCall, options: CallOptions): Promise<Answer> {
    const { source, limitMs } = this.parts;
    const ms = limitMs + (call.moreMs ?? 0);
    options.signal.throwIfAborted();
    const limited = limitTime({ ms, what: `${wordsOf(call)} of the engine`, source, setting: "time-limit" }, options);
    try {
      const body = await this.#exchange(call, limited.signal);
      const status = body.statusCode ?? 0;
      if ((status >= 200 && status < 300) || (call.good ?? []).includes(status)) {
        return { status, body, end: () => limited.end() };
      }
      throw this.#failed(call, `${status}: ${messageIn(await this.#bytes(call, body))}`);
    } catch (error) {
      limited.end();
      limited.signal.throwIfAborted();
      throw isHoldfastError(error) ? error : this.#unreachable(error);
    }
  }

  #exchange(call: EngineCall, signal: AbortSignal): Promise<IncomingMessage> {
    const { method = "GET", path, query = {}, body, upload } = call;
    const version = this.api === "" ? [] : [`v${this.api}`];
    const place = [...version, ...path.map((part) => encodeURIComponent(part))].join("/");
    const asked = new URLSearchParams(query).toString();
    const type = upload === undefined ? "application/json" : "application/x-tar";
    return new Promise((resolve, reject) => {
      const outgoing = request({
        socketPath: this.parts.socket,
        path: `/${place}${asked === "" ? "" : `?${asked}`}`,
        method,
        // One connection for each: some answers are taken over and never end in order.
        agent: false,
        signal,
        headers: { host: "engine", ...(body === undefined && upload === undefined ? {} : { "content-type": type }) },
      });
      outgoing.once("response", resolve);
      outgoing.on("error", reject);
      if (upload === undefined) outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      else pipeline(Readable.from(upload), outgoing).catch(reject);
    });
  }

  async #bytes(call: EngineCall, body: IncomingMessage): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const part of body as AsyncIterable<Uint8Array>) {
      total += part.length;
      if (total > MAX_JSON_BYTES) throw this.#failed(call, `its answer is longer than ${MAX_JSON_BYTES} bytes`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  #failed(call: EngineCall, reason: string, cause?: unknown): Error {
    const tool = `the engine at ${this.parts.socket}`;
    const fields = { tool, source: this.parts.source, reason: `${wordsOf(call)}: ${reason}` };
    return sourcesError("SOURCES_TOOL_FAILED", fields, cause);
  }

  #unreachable(error: unknown): Error {
    const { socket, source } = this.parts;
    const code = systemCode(error) ?? "";
    if (["EACCES", "EPERM"].includes(code)) {
      return sourcesError("SOURCES_CREDENTIALS", { source, reason: `this user may not open ${socket}` }, error);
    }
    const why: Record<string, string> = {
      ENOENT: "is not there",
      ENOTSOCK: "is no socket",
      ECONNREFUSED: "has nobody who listens",
    };
    const reason = `the engine's socket ${socket} ${why[code] ?? `failed: ${messageOf(error)}`}`;
    return sourcesError("SOURCES_UNREACHABLE", { source, reason }, error);
  }
}

/** Below zero when `a` is the older. */
function compareVersions(a: string, b: string): number {
  const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [a.split(".").map(Number), b.split(".").map(Number)];
  return majorA - majorB || minorA - minorB;
}

function wordsOf({ method = "GET", path }: EngineCall): string {
  return `${method} /${path.join("/")}`;
}

/** Engines answer failures with `{ "message": … }`. */
function messageIn(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  let said = text;
  try {
    const parsed = z.looseObject({ message: z.string() }).safeParse(JSON.parse(text));
    if (parsed.success) said = parsed.data.message;
  } catch {
    // Not JSON: a proxy before it, or something that is no engine.
  }
  return said
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, MAX_MESSAGE_CHARS);
}
