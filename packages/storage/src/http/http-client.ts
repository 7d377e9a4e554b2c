/**
 * Requests to one server: connections that are kept, bodies that stream both ways with back-pressure, aborts, and limits on
 * waits without progress. Follows no redirect, so that credentials go nowhere else.
 */
import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Secret } from "@holdfast/base";
import type { CallOptions } from "../backend.ts";
import { HttpAnswer } from "./http-answer.ts";
import { makeAgent } from "./http-agents.ts";
import { UNKNOWN_SIGNER, codeOf, fromNetworkError } from "./http-errors.ts";
import type { HttpSettings } from "./http-settings.ts";
import { IdleTimer } from "./idle-timer.ts";
import { type NamedBody, sendBody } from "./send-body.ts";

/** How long something may stand still, in milliseconds. */
export interface HttpPatience {
  /** Connecting, or the next piece of a body. */
  readonly progressMs: number;
  /** The answer, once all was sent: a server may store, or list, for a while. */
  readonly answerMs: number;
}

const PATIENCE: HttpPatience = { progressMs: 60_000, answerMs: 5 * 60_000 };
/** Questions that may be put twice where a kept connection turns out to be closed. */
const HARMLESS_TWICE = new Set(["GET", "HEAD", "PROPFIND"]);

export interface HttpClientOptions {
  /** For messages; holds no secret. */
  readonly location: string;
  readonly protocol: "http:" | "https:";
  readonly hostname: string;
  readonly port?: number | undefined;
  /** A socket of this machine in place of host and port. */
  readonly socketPath?: string | undefined;
  readonly settings: HttpSettings;
  /** Sent with every request, such as `Basic …`. */
  readonly authorization?: Secret | undefined;
  readonly patience?: Partial<HttpPatience> | undefined;
  /** Why the server does not answer any more, where that is known: takes the place of what the network says. */
  readonly whyGone?: (() => Error | undefined) | undefined;
}

export interface HttpRequest extends CallOptions {
  readonly method: string;
  /** Encoded, from the root of the server, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: NamedBody | undefined;
}

export class HttpClient {
  readonly location: string;
  readonly #options: HttpClientOptions;
  readonly #patience: HttpPatience;
  #agent: Agent | undefined;
  #trust: "usual" | "system" = "usual";
  #hasAnswered = false;

  constructor(options: HttpClientOptions) {
    this.location = options.location;
    this.#options = options;
    this.#patience = { ...PATIENCE, ...options.patience };
  }

  get hasCredentials(): boolean {
    return this.#options.authorization !== undefined;
  }

  /**
   * Sends a request and returns the answer, of whatever status, once its head is there; its `release` must be called.
   * Aborts reject with the signal's reason, also of chunks.
   * @throws STORAGE_UNAVAILABLE, STORAGE_UNTRUSTED, STORAGE_NO_PLACE, STORAGE_CREDENTIALS_REFUSED, STORAGE_FAILED,
   * STORAGE_BODY_SIZE, and what the body throws
   */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    for (;;) {
      request.signal.throwIfAborted();
      const trust = this.#trust;
      const attempt = new Attempt(this.#start(request), request, this.#patience);
      try {
        const answer = await attempt.answer((error) => this.#translate(error));
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        request.signal.throwIfAborted();
        if (attempt.failure !== undefined && this.#mayGoOn(attempt.failure, request, trust)) continue;
        throw error;
      }
    }
  }

  /** As `send`, but hands the answer to `use` and releases it. */
  async exchange<T>(request: HttpRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    return (await this.send(request)).handTo(use);
  }

  /** Closes all connections. */
  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  #start({ method, path, headers, body }: HttpRequest): ClientRequest {
    const { protocol, hostname, port, socketPath, authorization, settings } = this.#options;
    this.#agent ??= makeAgent({ protocol, hostname: socketPath === undefined ? hostname : "", settings }, this.#trust);
    const start = protocol === "https:" ? httpsRequest : httpRequest;
    const length = body === undefined ? (method === "POST" || method === "PUT" ? 0 : undefined) : body.source.sizeBytes;
    const where = socketPath === undefined ? { hostname: hostname.replace(/^\[|\]$/g, ""), port } : { socketPath };
    return start({
      ...where,
      method,
      path,
      agent: this.#agent,
      headers: {
        "User-Agent": "holdfast",
        ...(authorization === undefined ? {} : { Authorization: authorization.reveal() }),
        ...(length === undefined ? {} : { "Content-Length": String(length) }),
        ...headers,
      },
    });
  }

  #translate(error: unknown): Error {
    const gone = this.#options.whyGone?.();
    if (gone !== undefined) return gone;
    return fromNetworkError(error, { location: this.location, hasAnswered: this.#hasAnswered });
  }

  /** True when the same request may go out again at once: what failed was no more than the choice of a connection. */
  #mayGoOn({ error, isReused }: Failure, { method }: HttpRequest, trust: "usual" | "system"): boolean {
    const code = codeOf(error);
    if (isReused && HARMLESS_TWICE.has(method) && (code === "ECONNRESET" || code === "EPIPE")) return true;
    if (!UNKNOWN_SIGNER.has(code) || trust === "system" || this.#options.settings.ca !== undefined) return false;
    // An authority that was added to this machine's own store is trusted as well. That store is loaded only when it matters.
    if (this.#trust === "usual") this.#agent = undefined;
    this.#trust = "system";
    return true;
  }
}

interface Failure {
  readonly error: Error;
  /** The connection had served another request before. */
  readonly isReused: boolean;
}

/** One request on one connection. */
class Attempt {
  failure: Failure | undefined;
  readonly #request: ClientRequest;
  readonly #asked: HttpRequest;
  readonly #patience: HttpPatience;
  readonly #idle: IdleTimer;
  #isAnswered = false;
  #isSent = false;
  #isIdle = false;

  constructor(request: ClientRequest, asked: HttpRequest, patience: HttpPatience) {
    this.#request = request;
    this.#asked = asked;
    this.#patience = patience;
    this.#idle = new IdleTimer(() => {
      this.#isIdle = true;
      request.destroy(codeError("ETIMEDOUT"));
    });
  }

  async answer(translate: (error: unknown) => Error): Promise<HttpAnswer> {
    const { signal, body } = this.#asked;
    const request = this.#request;
    const onAbort = (): void => {
      request.destroy();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const release = (isReusable: boolean): void => {
      this.#idle.finish();
      signal.removeEventListener("abort", onAbort);
      if (!isReusable || !this.#isSent) request.destroy();
    };
    const response = this.#response();
    response.catch(() => {});
    this.#idle.allow(this.#patience.progressMs);
    const sending = this.#send(body);
    try {
      const [head, isSent] = await Promise.all([Promise.race([response, sending.then(() => response)]), sending]);
      this.#isSent = isSent;
      signal.throwIfAborted();
      // A success of which half was sent is none.
      if (!isSent && (head.statusCode ?? 0) < 300) throw this.#fail(codeError("ECONNRESET"));
      const { progressMs } = this.#patience;
      this.#idle.allow(progressMs);
      const inTime = (error: unknown): Error => translate(this.#isIdle ? codeError("ETIMEDOUT") : error);
      return new HttpAnswer(head, { signal, idle: this.#idle, progressMs, release, translate: inTime });
    } catch (error) {
      const isOfConnection = error === this.failure?.error;
      release(false);
      // What the body goes on with must end before the call does.
      await sending.catch(() => {});
      signal.throwIfAborted();
      throw isOfConnection ? translate(error) : error;
    }
  }

  #response(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      this.#request.on("response", (response) => {
        this.#isAnswered = true;
        keepAfterHead(this.#request, response);
        resolve(response);
      });
      this.#request.on("error", (error) => reject(this.#fail(error)));
      this.#request.on("close", () => reject(this.#fail(codeError("ECONNRESET"))));
    });
  }

  #fail(error: Error): Error {
    this.failure ??= { error, isReused: this.#request.reusedSocket };
    return this.failure.error;
  }

  async #send(body: NamedBody | undefined): Promise<boolean> {
    const waitForAnswer = (): void => {
      if (!this.#isAnswered) this.#idle.allow(this.#patience.answerMs);
    };
    if (body === undefined) {
      this.#request.end(waitForAnswer);
      return true;
    }
    const onProgress = (): void => this.#idle.touch();
    const isSent = await sendBody(this.#request, body, { onProgress, isEnough: () => this.#isAnswered });
    if (isSent) waitForAnswer();
    return isSent;
  }
}

/** Node gives up the connection after each HEAD, which would cost a handshake for every file that is looked for. */
function keepAfterHead(request: ClientRequest, { httpVersion, headers }: IncomingMessage): void {
  if (request.method === "HEAD" && httpVersion === "1.1" && headers.connection !== "close")
    request.shouldKeepAlive = true;
}

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
