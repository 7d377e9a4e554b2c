/**
 * Carries the requests that the SDK has built and signed over our own HTTP client: with our rules for TLS, proxies, aborts and
 * waits without progress, and with bodies that stream from a `ByteSource` without a copy.
 */
import { Readable } from "node:stream";
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { bytesSource } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import { HttpClient, type HttpPatience } from "../http/http-client.ts";
import type { HttpSettings } from "../http/http-settings.ts";
import type { NamedBody } from "../http/send-body.ts";

/** One call, as it goes through the SDK to `S3Transport.handle`, which notes in it what came back. */
export interface S3Exchange {
  readonly abortSignal: AbortSignal;
  /** What to send, in place of the SDK's own body. */
  readonly body?: NamedBody;
  /** True where the body of a success is to be read from `answer`. */
  readonly keepsAnswer?: boolean;
  answer?: HttpAnswer;
  status?: number;
  headers?: Record<string, string>;
  /** Why there is no answer. */
  failure?: { readonly error: unknown };
}

/** What the SDK hands to a handler of requests; the part that matters here. */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The headers of answers that anybody wants to know. */
const WANTED_HEADERS = [
  "content-length",
  "content-range",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "retry-after",
  "x-amz-bucket-region",
  "x-amz-archive-status",
  "x-amz-delete-marker",
  "x-amz-object-lock-mode",
  "x-amz-object-lock-retain-until-date",
  "x-amz-request-id",
  "x-amz-restore",
  "x-amz-storage-class",
  "x-amz-version-id",
] as const;
/** The largest answers are lists of 1000 names, which stay below a tenth of this. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export interface S3TransportOptions {
  readonly location: string;
  readonly settings: HttpSettings;
  readonly patience?: Partial<HttpPatience> | undefined;
}

export class S3Transport {
  readonly #options: S3TransportOptions;
  /** By origin: a bucket that turns out to be in another region has another host. */
  readonly #clients = new Map<string, HttpClient>();
  #serverAheadMs = 0;

  constructor(options: S3TransportOptions) {
    this.#options = options;
  }

  /** By how much the server's clock is ahead of ours, as its last answer says. */
  get serverAheadMs(): number {
    return this.#serverAheadMs;
  }

  /** In the form that the SDK wants. */
  get handler(): NonNullable<S3ClientConfig["requestHandler"]> {
    const handle = (request: SdkRequest, exchange: S3Exchange) => this.#handle(request, exchange);
    return { handle, metadata: { handlerProtocol: "http/1.1" } };
  }

  /** Closes all connections. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #handle(request: SdkRequest, exchange: S3Exchange) {
    try {
      const answer = await this.#send(request, exchange);
      exchange.status = answer.status;
      exchange.headers = headersOf(answer);
      this.#noteTime(exchange.headers["date"]);
      const isKept = exchange.keepsAnswer === true && (answer.status === 200 || answer.status === 206);
      if (isKept) exchange.answer = answer;
      const body = isKept ? Readable.from([]) : await this.#collect(answer);
      return { response: { statusCode: answer.status, headers: exchange.headers, body } };
    } catch (error) {
      exchange.failure = { error };
      throw error;
    }
  }

  #send(request: SdkRequest, { abortSignal, body }: S3Exchange): Promise<HttpAnswer> {
    const { "user-agent": _agent, "content-length": _length, ...headers } = request.headers;
    return this.#client(request).send({
      method: request.method,
      path: pathOf(request),
      headers,
      body: body ?? bodyOf(request.body),
      signal: abortSignal,
    });
  }

  #client({ protocol, hostname, port }: SdkRequest): HttpClient {
    const origin = `${protocol}//${hostname}:${port ?? ""}`;
    const known = this.#clients.get(origin);
    if (known !== undefined) return known;
    const client = new HttpClient({
      ...this.#options,
      protocol: protocol === "http:" ? "http:" : "https:",
      hostname,
      port,
    });
    this.#clients.set(origin, client);
    return client;
  }

  /** All of a short answer. */
  async #collect(answer: HttpAnswer): Promise<Uint8Array> {
    try {
      const parts: Uint8Array[] = [];
      let total = 0;
      for await (const chunk of answer.chunks()) {
        total += chunk.length;
        if (total > MAX_ANSWER_BYTES) throw this.#tooLong();
        parts.push(chunk);
      }
      return Buffer.concat(parts);
    } finally {
      answer.release();
    }
  }

  #tooLong(): Error {
    return storageError("STORAGE_FAILED", {
      location: this.#options.location,
      reason: "the server's answer has no end",
    });
  }

  #noteTime(date: string | undefined): void {
    const serverMs = Date.parse(date ?? "");
    if (!Number.isNaN(serverMs)) this.#serverAheadMs = serverMs - Date.now();
  }
}

function headersOf(answer: HttpAnswer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of WANTED_HEADERS) {
    const value = answer.header(name);
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}

function bodyOf(body: unknown): NamedBody | undefined {
  const bytes = typeof body === "string" ? Buffer.from(body) : body instanceof Uint8Array ? body : undefined;
  // The key names a file in messages about bodies of a wrong length, which one in memory cannot have.
  return bytes === undefined ? undefined : { key: { type: "config", name: "" }, source: bytesSource(bytes) };
}

function pathOf({ path, query = {} }: SdkRequest): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      parts.push(one === null ? escapeUri(name) : `${escapeUri(name)}=${escapeUri(one)}`);
    }
  }
  return parts.length === 0 ? path : `${path}?${parts.join("&")}`;
}

/** As signatures want it: all but letters, digits and `-_.~`. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
