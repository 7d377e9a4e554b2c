/** Plans for removals, as Holdfast's own server has them over HTTP (docs/format.md, "Plans for removals"). */
import type { CallOptions } from "../backend.ts";
import { bytesSource } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import type { HttpRequest } from "../http/http-client.ts";
import { decodePlan } from "../plans/plan-document.ts";
import {
  PLAN_STATES,
  type PlanProposal,
  type PlanState,
  type PlanStatus,
  type RemovalPlans,
} from "../plans/removal-plan.ts";

const FOLDER = "holdfast/plans/";
/** A plan of as many files as there may be, and some. */
const MAX_DOCUMENT_BYTES = 32 * 1024 * 1024;
const MAX_STATUS_BYTES = 4 * 1024 * 1024;

/** The connection to one repository. */
export interface PlanConnection {
  readonly location: string;
  exchange<T>(request: HttpRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T>;
  /** The error for an answer that is no success and means nothing special. */
  refused(answer: HttpAnswer, path: string): Promise<Error>;
}

export class RestPlans implements RemovalPlans {
  readonly #connection: PlanConnection;

  constructor(connection: PlanConnection) {
    this.#connection = connection;
  }

  async list({ signal }: CallOptions): Promise<PlanStatus[]> {
    const list = await this.#json({ method: "GET", path: FOLDER, signal });
    if (!Array.isArray(list)) throw this.#notAPlan();
    return list.map((row) => this.#status(row));
  }

  async document(hash: string, { signal }: CallOptions): Promise<Uint8Array> {
    const document = await this.#bytes({ method: "GET", path: planPath(hash), signal }, MAX_DOCUMENT_BYTES);
    decodePlan(document, hash);
    return document;
  }

  async propose({ command, reason, files }: PlanProposal, { signal }: CallOptions): Promise<PlanStatus> {
    const lines = files.map(({ type, name }) => `${type} ${name === "" ? "-" : name}\n`);
    const body = Buffer.from(`${JSON.stringify({ command, reason })}\n${lines.join("")}`);
    return this.#status(await this.#json({ method: "POST", path: FOLDER, signal, ...sent(body) }));
  }

  async approve(hash: string, signature: string, { signal }: CallOptions): Promise<PlanStatus> {
    const body = sent(Buffer.from(signature));
    return this.#status(await this.#json({ method: "POST", path: `${planPath(hash)}/approval`, signal, ...body }));
  }

  async cancel(hash: string, signature: string | undefined, { signal }: CallOptions): Promise<PlanStatus> {
    const body = sent(Buffer.from(signature ?? ""));
    return this.#status(await this.#json({ method: "POST", path: `${planPath(hash)}/cancellation`, signal, ...body }));
  }

  async #json(request: HttpRequest): Promise<unknown> {
    const text = new TextDecoder().decode(await this.#bytes(request, MAX_STATUS_BYTES));
    try {
      return JSON.parse(text);
    } catch {
      throw this.#notAPlan();
    }
  }

  #bytes(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
    const { location } = this.#connection;
    return this.#connection.exchange(request, async (answer) => {
      const isSuccess = answer.status >= 200 && answer.status < 300;
      if (isSuccess) return readAll(answer, maxBytes, () => this.#notAPlan());
      if (answer.status === 404) throw storageError("STORAGE_NO_PLAN", { location });
      const isOfPlan = [400, 403, 409, 413].includes(answer.status) && answer.header("holdfast-refusal") !== "role";
      if (!isOfPlan) throw await this.#connection.refused(answer, request.path);
      throw storageError("STORAGE_PLAN_REFUSED", { location, reason: await answer.text() });
    });
  }

  #status(row: unknown): PlanStatus {
    const status = statusOf(row);
    if (status === undefined) throw this.#notAPlan();
    return status;
  }

  #notAPlan(): Error {
    const reason = "what the server says of a plan is not what its protocol says";
    return storageError("STORAGE_FAILED", { location: this.#connection.location, reason });
  }
}

function planPath(hash: string): string {
  if (/^[0-9a-f]{64}$/.test(hash)) return `${FOLDER}${hash}`;
  throw storageError("STORAGE_INVALID_NAME", { type: "plan", name: hash.slice(0, 100) });
}

/** The key is for messages about the body only. */
function sent(bytes: Uint8Array): Pick<HttpRequest, "body"> {
  return { body: { key: { type: "config", name: "" }, source: bytesSource(bytes) } };
}

async function readAll(answer: HttpAnswer, maxBytes: number, tooMuch: () => Error): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of answer.chunks()) {
    total += chunk.length;
    if (total > maxBytes) throw tooMuch();
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** What the server says, field by field: it is shown to people, and decided by. */
function statusOf(row: unknown): PlanStatus | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  const fields = row as Readonly<Record<string, unknown>>;
  const { hash, state, approvedBy, person, cancelledBy, cancelledMs } = fields;
  const texts = ["repository", "client", "command", "reason"].every((name) => typeof fields[name] === "string");
  const counts = ["proposedMs", "notBeforeMs", "expiresMs", "approvals", "files", "bytes", "removed"].every((name) => {
    const value = fields[name];
    return Number.isSafeInteger(value) && (value as number) >= 0;
  });
  const isRight =
    texts &&
    counts &&
    typeof hash === "string" &&
    /^[0-9a-f]{64}$/.test(hash) &&
    PLAN_STATES.includes(state as PlanState) &&
    Array.isArray(approvedBy) &&
    approvedBy.every(isApproval) &&
    [person, cancelledBy].every((text) => text === undefined || typeof text === "string") &&
    (cancelledMs === undefined || Number.isSafeInteger(cancelledMs));
  return isRight ? (fields as unknown as PlanStatus) : undefined;
}

function isApproval(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { name, atMs } = value as { name?: unknown; atMs?: unknown };
  return typeof name === "string" && Number.isSafeInteger(atMs);
}
