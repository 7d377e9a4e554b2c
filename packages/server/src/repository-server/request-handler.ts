/** One request from its first line to its line in the log: who, what, may it, do it, answer. */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { FileType } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import type { AccessEntry, AccessLog } from "./access-log.ts";
import { type SendOptions, rangeOf, sendFile, sendList, sendWhole, spanOf } from "./answers.ts";
import type { Client } from "./clients-file.ts";
import { type KeyChange, keyChangeOf } from "./key-changes.ts";
import type { HashThread } from "./hash-thread.ts";
import type { LedgerKey } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { PlanEvent, PlanRequests, PlanTarget } from "./plan-requests.ts";
import type { RepositoryService } from "./repository-service.ts";
import { type RequestTarget, parseRequestPath } from "./request-path.ts";
import { type Refusal, refusalOf } from "./status.ts";
import { Upload } from "./upload.ts";

const LIST_V2 = "application/vnd.x.restic.rest.v2";
const LIST_V1 = "application/vnd.x.restic.rest.v1";
/** What clients of Holdfast may rely on, besides restic's protocol. */
const FEATURES = ["own-files", "if-absent", "received", "verified"] as const;

const MIB = 1024 * 1024;
/** The largest file of each type; the others are small. */
const MAX_BYTES: Readonly<Partial<Record<FileType, number>>> = {
  pack: 1024 * MIB,
  index: 1024 * MIB,
  snapshot: 64 * MIB,
  forgotten: 64 * MIB,
  evidence: 64 * MIB,
  lock: MIB / 4,
};
const MAX_SMALL_BYTES = MIB;
/** What is read together with the size of the file. Less than a connection takes without saying that it is full. */
const MAX_PEEKED_BYTES = 60 * 1024;
const MAX_REQUESTS_OF_CLIENT = 256;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "DELETE"]);

export interface HandlerParts {
  readonly service: RepositoryService;
  /** Where files are removed by plans. */
  readonly plans?: PlanRequests | undefined;
  /** @throws SERVER_CREDENTIALS, SERVER_BUSY */
  readonly authenticate: (authorization: string | undefined) => Promise<Client>;
  readonly hashing: HashThread;
  readonly metrics: Metrics;
  readonly log: AccessLog | undefined;
  /** How long a client may take for the next piece of an upload or a download. */
  readonly idleMs: number;
}

/** One request while it is under way. */
interface Exchange extends SendOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: Client;
}

/** What becomes known of a request, for its line in the log. */
interface Findings {
  readonly address: string;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  client?: string;
  target?: RequestTarget;
  planEvent?: PlanEvent;
  /** By which something was removed. */
  plan?: string;
  error?: unknown;
  receivedBytes: number;
  sentBytes: number;
}

export class RequestHandler {
  readonly #parts: HandlerParts;
  readonly #active = new Set<AbortController>();
  readonly #activeOf = new Map<string, number>();
  readonly #announcement: string;
  #isEnding = false;

  constructor(parts: HandlerParts) {
    this.#parts = parts;
    const features = [...FEATURES, ...(parts.plans === undefined ? [] : ["plans"])];
    this.#announcement = `1; features="${features.join(", ")}"`;
  }

  /** How many requests are under way. */
  get active(): number {
    return this.#active.size;
  }

  /** New requests are refused from now on. */
  end(): void {
    this.#isEnding = true;
  }

  /** Breaks off what is under way. */
  abort(): void {
    for (const controller of this.#active) controller.abort(serverError("SERVER_ENDING"));
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const controller = new AbortController();
    const address = request.socket?.remoteAddress ?? "";
    const findings: Findings = { address, signal: controller.signal, receivedBytes: 0, sentBytes: 0 };
    this.#active.add(controller);
    // Of most requests nobody is left to be told, and an error with its stack costs more than an answer.
    response.on("close", () => this.#active.has(controller) && controller.abort(serverError("SERVER_CUT")));
    // What is wrong with a stream shows where it is read or written.
    request.on("error", () => {});
    response.on("error", () => {});
    try {
      response.setHeader("Holdfast-Rest", this.#announcement);
      await this.#answer(request, response, findings);
    } catch (error) {
      findings.error = error;
      refuse(request, response, refusalOf(error), this.#parts.idleMs);
    } finally {
      this.#active.delete(controller);
      this.#account(request, response, findings, performance.now() - started);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, findings: Findings): Promise<void> {
    if (this.#isEnding) throw serverError("SERVER_ENDING");
    const client = await this.#parts.authenticate(request.headers.authorization);
    findings.client = client.name;
    const target = parseRequestPath(request.url ?? "");
    findings.target = target;
    const exchange: Exchange = {
      request,
      response,
      client,
      signal: findings.signal,
      idleMs: this.#parts.idleMs,
      onBytes: (count) => {
        findings.sentBytes += count;
      },
    };
    const active = this.#activeOf.get(client.name) ?? 0;
    if (active >= MAX_REQUESTS_OF_CLIENT) throw serverError("SERVER_BUSY", { what: "requests of this client" });
    this.#activeOf.set(client.name, active + 1);
    try {
      if (target.kind === "repository") await this.#atRepository(exchange, target.repository);
      else if (target.kind === "list") await this.#list(exchange, target.repository, target.type);
      else if (target.kind === "file") {
        await this.#atFile(exchange, { repository: target.repository, ...target.key }, findings);
      } else await this.#atPlans(exchange, target, findings);
    } finally {
      const left = (this.#activeOf.get(client.name) ?? 1) - 1;
      if (left > 0) this.#activeOf.set(client.name, left);
      else this.#activeOf.delete(client.name);
    }
  }

  /** A whole repository is made, but never removed, over the network. */
  async #atRepository({ request, response, client, signal }: Exchange, repository: string): Promise<void> {
    const query = new URLSearchParams((request.url ?? "").split("?", 2)[1]);
    if (request.method !== "POST" || query.get("create") !== "true") throw methodError(request);
    await this.#parts.service.create(client, repository, { signal });
    finish(response, 200);
  }

  async #list(exchange: Exchange, repository: string, type: FileType): Promise<void> {
    const { request, response, client, signal } = exchange;
    if (request.method !== "GET" && request.method !== "HEAD") throw methodError(request);
    const version = (request.headers.accept ?? "").includes(LIST_V2) ? 2 : 1;
    const files = this.#parts.service.list(client, repository, type, { signal });
    // The first files, or that there are none, shows whether the list can be made at all.
    const iterator = files[Symbol.asyncIterator]();
    const first = await iterator.next();
    response.setHeader("Content-Type", version === 2 ? LIST_V2 : LIST_V1);
    response.writeHead(200);
    if (request.method === "GET") await sendList(response, resumed(first, iterator), version, exchange);
    else await iterator.return(undefined);
    response.end();
  }

  async #atFile(exchange: Exchange, key: LedgerKey, findings: Findings): Promise<void> {
    const { request, response } = exchange;
    switch (request.method) {
      case "HEAD":
      case "GET":
        return this.#get(exchange, key);
      case "POST":
        return this.#post(exchange, key, findings);
      case "DELETE":
        await this.#delete(exchange, key, findings);
        return finish(response, 200);
      default:
        throw methodError(request);
    }
  }

  async #delete({ client, signal }: Exchange, key: LedgerKey, findings: Findings): Promise<void> {
    const plan = await this.#parts.service.remove(client, key, { signal });
    if (plan !== undefined) findings.plan = plan;
  }

  /** @throws SERVER_NO_PLAN where this server has no plans */
  async #atPlans(exchange: Exchange, target: PlanTarget, findings: Findings): Promise<void> {
    const { plans } = this.#parts;
    if (plans === undefined) throw serverError("SERVER_NO_PLAN");
    const event = await plans.answer(exchange, target);
    if (event !== undefined) findings.planEvent = event;
  }

  async #get(exchange: Exchange, key: LedgerKey): Promise<void> {
    const { request, response, client, signal } = exchange;
    const { service } = this.#parts;
    const isRead = request.method === "GET";
    const { range } = request.headers;
    const { info, bytes } = isRead
      ? await service.peek(client, key, { signal, range: rangeOf(range), maxBytes: MAX_PEEKED_BYTES })
      : { info: await service.stat(client, key, { signal }), bytes: undefined };
    const { sizeBytes, receivedAtMs } = info;
    response.setHeader("Accept-Ranges", "bytes");
    if (receivedAtMs !== undefined) response.setHeader("Holdfast-Received", String(receivedAtMs));
    const span = spanOf(isRead ? range : undefined, sizeBytes);
    response.setHeader("Content-Type", "application/octet-stream");
    response.setHeader("Content-Length", String(span.to - span.from));
    if (span.isPart) response.setHeader("Content-Range", `bytes ${span.from}-${span.to - 1}/${sizeBytes}`);
    response.writeHead(span.isPart ? 206 : 200);
    if (!isRead) return void response.end();
    if (bytes?.length === span.to - span.from) return sendWhole(response, bytes, exchange);
    const backend = await service.reader(client, key);
    await sendFile(response, backend, { type: key.type, name: key.name }, span, exchange);
    response.end();
  }

  async #post(
    { request, response, client, signal, idleMs }: Exchange,
    key: LedgerKey,
    findings: Findings,
  ): Promise<void> {
    const { service, hashing } = this.#parts;
    const ifAbsent = request.headers["if-none-match"] === "*";
    const sizeBytes = lengthOf(request, key.type);
    const onBytes = (count: number): void => {
      findings.receivedBytes += count;
    };
    const upload = new Upload(request, { key, sizeBytes, idleMs, signal, hashing, onBytes });
    try {
      await service.save(client, key, upload, { signal, ifAbsent });
    } catch (error) {
      if (!ifAbsent || !isHoldfastError(error, "SERVER_EXISTS")) throw error;
      findings.error = error;
      return answerRefused(request, response, { ...refusalOf(error), status: 412, headers: {} }, idleMs);
    }
    finish(response, 200);
  }

  #account(request: IncomingMessage, response: ServerResponse, findings: Findings, ms: number): void {
    const method = METHODS.has(request.method ?? "") ? (request.method ?? "") : "other";
    this.#count(method, response.statusCode, findings, ms);
    this.#parts.log?.write(entryOf(method, response, findings, ms));
  }

  #count(method: string, status: number, findings: Findings, ms: number): void {
    const { metrics } = this.#parts;
    const { client, target, error, receivedBytes, sentBytes, planEvent } = findings;
    const labels = { client: client ?? "" };
    metrics.add("holdfast_requests_total", { ...labels, method, status: String(status) });
    metrics.add("holdfast_request_seconds_total", { method }, ms / 1000);
    if (receivedBytes > 0) metrics.add("holdfast_received_bytes_total", labels, receivedBytes);
    if (sentBytes > 0) metrics.add("holdfast_sent_bytes_total", labels, sentBytes);
    // What is not there was not refused: every client looks for files that may not be there.
    const isRefused = error !== undefined && status !== 404;
    if (isRefused) metrics.add("holdfast_refused_total", { ...labels, code: refusalOf(error).code });
    if (planEvent !== undefined) metrics.add("holdfast_plans_total", { ...labels, action: planEvent.action });
    const change = keyChangeIn(method, target, status);
    if (change !== undefined) metrics.add("holdfast_key_changes_total", { ...labels, change });
  }
}

/** The line of a request in the log. */
function keyChangeIn(method: string, target: RequestTarget | undefined, status: number): KeyChange | undefined {
  return target?.kind === "file" ? keyChangeOf(method, target.key.type, status) : undefined;
}

function entryOf(method: string, response: ServerResponse, findings: Findings, ms: number): AccessEntry {
  const { address, signal, client, target, error, receivedBytes, sentBytes, planEvent } = findings;
  const key = target?.kind === "file" ? target.key : undefined;
  return {
    time: new Date().toISOString(),
    address,
    client,
    method,
    repository: target?.repository,
    type: key?.type ?? (target?.kind === "list" ? target.type : undefined),
    name: key?.name,
    plan: findings.plan ?? planEvent?.plan ?? (target?.kind === "plan" ? target.hash : undefined),
    planAction: planEvent?.action,
    approver: planEvent?.approver,
    keyChange: keyChangeIn(method, target, response.statusCode),
    status: response.statusCode,
    receivedBytes,
    sentBytes,
    ms: Math.round(ms * 10) / 10,
    error: error === undefined ? undefined : { code: refusalOf(error).code, message: messageOf(error) },
    complete: response.writableEnded && !signal.aborted,
  };
}

function methodError({ method = "" }: IncomingMessage): Error {
  return serverError("SERVER_METHOD", { method: METHODS.has(method) ? method : "this method" });
}

/** @throws SERVER_NO_LENGTH, SERVER_TOO_LARGE */
function lengthOf({ headers }: IncomingMessage, type: FileType): number {
  const text = headers["content-length"];
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw serverError("SERVER_NO_LENGTH");
  const length = Number(text);
  const maxBytes = MAX_BYTES[type] ?? MAX_SMALL_BYTES;
  if (length > maxBytes) throw serverError("SERVER_TOO_LARGE", { type, maxBytes, length });
  return length;
}

function finish(response: ServerResponse, status: number): void {
  response.setHeader("Content-Length", "0");
  response.writeHead(status);
  response.end();
}

/** Says no, if that can still be said; otherwise breaks the connection, so that nothing looks complete. */
function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, idleMs: number): void {
  if (response.headersSent) cut(request);
  else answerRefused(request, response, refusal, idleMs);
}

function answerRefused(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, text }: Refusal,
  idleMs: number,
): void {
  for (const name of ["Content-Range", "Content-Length", "Accept-Ranges", "Holdfast-Received"])
    response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const size = status === 416 ? /\d+/.exec(text)?.[0] : undefined;
  if (size !== undefined) response.setHeader("Content-Range", `bytes */${size}`);
  const body = Buffer.from(`${text || (STATUS_CODES[status] ?? "")}\n`);
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.setHeader("Content-Length", String(body.length));
  response.writeHead(status);
  response.end(request.method === "HEAD" ? undefined : body);
  if (request.complete) return;
  // The rest of an upload is thrown away, but it must come.
  request.resume();
  const timer = setTimeout(() => cut(request), status === 408 ? 100 : idleMs);
  const stop = (): void => clearTimeout(timer);
  request.once("end", stop).once("close", stop);
}

/**
 * Ends the stream of HTTP/2, or the connection of HTTP/1.1, in a way that no client takes for the end of the answer. The request
 * knows its connection also when the answer is complete.
 */
function cut(request: IncomingMessage): void {
  const { stream } = request as unknown as { stream?: { close(code: number): void } };
  const INTERNAL_ERROR = 2;
  if (stream === undefined) request.socket.destroy();
  else stream.close(INTERNAL_ERROR);
}

async function* resumed<T>(first: IteratorResult<T, unknown>, rest: AsyncGenerator<T, unknown>): AsyncGenerator<T> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
