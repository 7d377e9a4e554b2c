/** Requests about plans for removals: what the body says, and the answer (docs/format.md, "Plans for removals"). */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FILE_TYPES, type FileType, MAX_PLAN_FILES, type PlanProposal, isFileName } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { type SendOptions, sendPieces } from "./answers.ts";
import type { Client } from "./clients-file.ts";
import { withinTime } from "./idle-time.ts";
import type { PlanService } from "./plan-service.ts";
import type { RequestTarget } from "./request-path.ts";

/** A request while it is under way. */
export interface PlanExchange extends SendOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: Client;
}

/** What a request did, for log and metrics. */
export interface PlanEvent {
  readonly plan: string;
  readonly action: "proposed" | "approved" | "cancelled";
  /** Who signed, if somebody did. */
  readonly approver?: string | undefined;
}

export type PlanTarget = Extract<RequestTarget, { readonly kind: "plans" | "plan" }>;

/** The longest line of a file, and a header. */
const MAX_PROPOSAL_BYTES = MAX_PLAN_FILES * 75 + 64 * 1024;
const MAX_SIGNATURE_BYTES = 64 * 1024;
const MAX_LARGE = 3;

export class PlanRequests {
  readonly #service: PlanService;
  /** How many hold a whole plan in memory. */
  #large = 0;

  constructor(service: PlanService) {
    this.#service = service;
  }

  /** @throws SERVER_METHOD, SERVER_BUSY, SERVER_BAD_PLAN, SERVER_TOO_LARGE, and what `PlanService` throws */
  async answer(exchange: PlanExchange, target: PlanTarget): Promise<PlanEvent | undefined> {
    const { request, client, signal } = exchange;
    const { repository } = target;
    const isPost = request.method === "POST";
    if (target.kind === "plans") {
      if (isPost) return this.#alone(() => this.#propose(exchange, repository));
      requireGet(request);
      await send(exchange, "application/json", json(await this.#service.list(client, repository, { signal })));
      return undefined;
    }
    const { hash, decision } = target;
    if (decision === undefined) {
      requireGet(request);
      await this.#alone(() =>
        send(exchange, "text/plain; charset=utf-8", this.#service.document(client, repository, hash)),
      );
      return undefined;
    }
    if (!isPost) throw serverError("SERVER_METHOD", { method: request.method ?? "" });
    const signature = (await readBody(exchange, MAX_SIGNATURE_BYTES)).toString("latin1");
    const does = decision === "approval" ? "approve" : "cancel";
    const { status, by } = await this.#service[does](client, repository, hash, signature, { signal });
    await send(exchange, "application/json", json(status));
    return { plan: hash, action: decision === "approval" ? "approved" : "cancelled", approver: by };
  }

  async #propose(exchange: PlanExchange, repository: string): Promise<PlanEvent> {
    const { client, signal } = exchange;
    const proposal = parseProposal(await readBody(exchange, MAX_PROPOSAL_BYTES));
    const status = await this.#service.propose(client, repository, proposal, { signal });
    await send(exchange, "application/json", json(status));
    return { plan: status.hash, action: "proposed" };
  }

  /** @throws SERVER_BUSY */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#large >= MAX_LARGE) throw serverError("SERVER_BUSY", { what: "plans" });
    this.#large++;
    try {
      return await work();
    } finally {
      this.#large--;
    }
  }
}

function requireGet({ method = "" }: IncomingMessage): void {
  if (method !== "GET") throw serverError("SERVER_METHOD", { method });
}

/** @throws SERVER_NO_LENGTH, SERVER_TOO_LARGE, SERVER_BAD_LENGTH, SERVER_STALLED */
async function readBody({ request, signal, idleMs }: PlanExchange, maxBytes: number): Promise<Buffer> {
  const text = request.headers["content-length"];
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw serverError("SERVER_NO_LENGTH");
  const length = Number(text);
  if (length > maxBytes) throw serverError("SERVER_TOO_LARGE", { type: "plan", maxBytes, length });
  const whole = Buffer.alloc(length);
  let used = 0;
  // Breaking off must not destroy the stream: an answer is still to go the other way.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  for (;;) {
    const { done, value } = await withinTime(chunks.next(), idleMs, signal);
    if (done === true) break;
    if (used + value.length > length) throw serverError("SERVER_BAD_LENGTH", { length, actual: used + value.length });
    used += value.copy(whole, used);
  }
  if (used !== length) throw serverError("SERVER_BAD_LENGTH", { length, actual: used });
  return whole;
}

/** A line of JSON, then a line for each file. @throws SERVER_BAD_PLAN */
function parseProposal(body: Buffer): PlanProposal {
  const [first = "", ...lines] = body.toString("utf8").split("\n");
  const bad = (problem: string): Error => serverError("SERVER_BAD_PLAN", { problem });
  let header: unknown;
  try {
    header = JSON.parse(first);
  } catch {
    throw bad("its first line is not JSON");
  }
  const { command, reason } = (typeof header === "object" && header !== null ? header : {}) as {
    command?: unknown;
    reason?: unknown;
  };
  if (typeof command !== "string" || typeof reason !== "string") throw bad("its first line lacks command or reason");
  if (lines.pop() !== "") throw bad("its last line has no end");
  const files = lines.map((line) => {
    const [type = "", written = "", ...more] = line.split(" ");
    const name = written === "-" ? "" : written;
    const isFile = (FILE_TYPES as readonly string[]).includes(type) && isFileName(type as FileType, name);
    if (!isFile || more.length > 0) throw bad("a line names no file");
    return { type: type as FileType, name };
  });
  return { command, reason, files };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}

async function send(exchange: PlanExchange, type: string, body: Uint8Array): Promise<void> {
  const { response } = exchange;
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", String(body.length));
  response.writeHead(200);
  await sendPieces(response, body, exchange);
  response.end();
}
