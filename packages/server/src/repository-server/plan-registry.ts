/**
 * The plans of the server, and what may be removed by them: only what an open plan names that enough people have approved, after
 * its delay and before it expires. Documents and signatures are verified when they count, not only when they come.
 */
import { isHoldfastError } from "@holdfast/base";
import {
  type Clock,
  type PlanHeader,
  type PlanStatus,
  type PlannedFile,
  decodePlan,
  encodePlan,
  planHash,
  planStatement,
} from "@holdfast/storage";
import { serverError } from "../errors.ts";
import type { Approver, Approvers } from "./approvers.ts";
import type { LedgerKey } from "./ledger.ts";
import type { ApprovalRow, PlanRecords, PlanRow } from "./plan-records.ts";

export interface PlanRules {
  /** From the proposal to the first removal. */
  readonly delayMs: number;
  /** From the proposal to its end. */
  readonly expiryMs: number;
  /** How many people have to approve; 0 for none. */
  readonly approvals: number;
}

export interface RegistryParts {
  readonly records: PlanRecords;
  readonly rules: PlanRules;
  /** Absent where nobody has to approve. */
  readonly approvers: Approvers | undefined;
  readonly clock: Clock;
}

/** Who asks for what, and why. */
export type PlanRequest = Pick<PlanHeader, "repository" | "client" | "person" | "command" | "reason">;

interface CallOptions {
  readonly signal: AbortSignal;
}

/** Whoever floods a repository with plans must not fill the disk, nor hide one among many. */
const MAX_OPEN_PLANS = 8;
/** So long a signature that was verified needs not be verified again, as long as the file of approvers is the same. */
const VERIFIED_MS = 10 * 60_000;
/** So many names of files are kept in memory. */
const MAX_KEPT_NAMES = 1_000_000;

export class PlanRegistry {
  readonly #parts: RegistryParts;
  /** The files of plans whose documents were verified, by hash. */
  readonly #named = new Map<string, ReadonlySet<string>>();
  /** Signatures that are valid by the version of the file of approvers, and at the time, before the colon. */
  readonly #valid = new Set<string>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /**
   * Registers a plan. One that is open already, for the same files by the same client, is returned instead.
   * @throws SERVER_TOO_MANY_PLANS
   */
  async register(request: PlanRequest, files: readonly PlannedFile[], { signal }: CallOptions): Promise<PlanStatus> {
    const { records, rules, clock } = this.#parts;
    const proposedMs = clock.nowMs();
    const times = { proposedMs, notBeforeMs: proposedMs + rules.delayMs, expiresMs: proposedMs + rules.expiryMs };
    const document = encodePlan({ ...request, ...times, approvals: rules.approvals }, files);
    const open = records.open(request.repository, proposedMs);
    const same = open.find(
      ({ hash, header }) => isSame(header, request) && hasSameFiles(records.document(hash), document),
    );
    if (same !== undefined) return this.#status(same, { signal });
    if (open.length >= MAX_OPEN_PLANS) throw serverError("SERVER_TOO_MANY_PLANS", { count: open.length });
    const hash = planHash(document);
    records.add(hash, decodePlan(document, hash).header, document);
    return this.status(request.repository, hash, { signal });
  }

  /** @throws SERVER_APPROVERS_LOST */
  async list(repository: string, { signal }: CallOptions): Promise<PlanStatus[]> {
    const statuses: PlanStatus[] = [];
    for (const row of this.#parts.records.all(repository)) statuses.push(await this.#status(row, { signal }));
    return statuses.sort((a, b) => b.proposedMs - a.proposedMs);
  }

  /** @throws SERVER_NO_PLAN, SERVER_APPROVERS_LOST */
  async status(repository: string, hash: string, { signal }: CallOptions): Promise<PlanStatus> {
    return this.#status(this.#find(repository, hash), { signal });
  }

  /** @throws SERVER_NO_PLAN */
  document(repository: string, hash: string): Uint8Array {
    const document = this.#parts.records.document(this.#find(repository, hash).hash);
    if (document === undefined) throw serverError("SERVER_NO_PLAN");
    return document;
  }

  /**
   * Takes down an approval. Returns who gave it.
   * @throws SERVER_NO_PLAN, SERVER_PLAN_OVER, SERVER_SIGNATURE, SERVER_OWN_PLAN, SERVER_APPROVED_BEFORE, SERVER_NO_APPROVERS,
   * SERVER_PLAN_DAMAGED
   */
  async approve(repository: string, hash: string, signature: string, { signal }: CallOptions): Promise<string> {
    const { records, approvers, clock } = this.#parts;
    const plan = await this.#openPlan(repository, hash, { signal });
    this.#namesOf(hash);
    if (approvers === undefined) throw serverError("SERVER_NO_APPROVERS");
    const person = await approvers.signerOf(planStatement("approve", hash), signature, { signal });
    const [name = ""] = person.names;
    if (isRequester(person, plan)) throw serverError("SERVER_OWN_PLAN", { name, client: plan.client });
    if (!records.approve(hash, { name, atMs: clock.nowMs(), signature })) {
      throw serverError("SERVER_APPROVED_BEFORE", { name });
    }
    return name;
  }

  /** @throws SERVER_NO_PLAN, SERVER_PLAN_OVER */
  async cancel(repository: string, hash: string, by: string, { signal }: CallOptions): Promise<void> {
    await this.#openPlan(repository, hash, { signal });
    this.#parts.records.cancel(hash, by, this.#parts.clock.nowMs());
  }

  /** The approver who signed that a plan is cancelled. @throws SERVER_SIGNATURE, SERVER_NO_APPROVERS */
  async cancellerOf(hash: string, signature: string, { signal }: CallOptions): Promise<string> {
    const { approvers } = this.#parts;
    if (approvers === undefined) throw serverError("SERVER_NO_APPROVERS");
    const { names } = await approvers.signerOf(planStatement("cancel", hash), signature, { signal });
    return names[0] ?? "";
  }

  /**
   * The hash of the plan by which a file may be removed now; `undefined` when there is none.
   * @throws SERVER_APPROVERS_LOST, SERVER_PLAN_DAMAGED
   */
  async permitFor({ repository, type, name }: LedgerKey, { signal }: CallOptions): Promise<string | undefined> {
    const { records, clock } = this.#parts;
    for (const row of records.open(repository, clock.nowMs())) {
      if (this.#namesOf(row.hash).has(`${type} ${name}`) && (await this.#status(row, { signal })).state === "ready") {
        return row.hash;
      }
    }
    return undefined;
  }

  /** A file is gone by this plan. */
  noteRemoval(hash: string): void {
    this.#parts.records.noteRemoval(hash);
  }

  #find(repository: string, hash: string): PlanRow {
    const row = this.#parts.records.find(repository, hash);
    if (row === undefined) throw serverError("SERVER_NO_PLAN");
    return row;
  }

  async #openPlan(repository: string, hash: string, { signal }: CallOptions): Promise<PlanStatus> {
    const status = await this.status(repository, hash, { signal });
    if (status.state === "waiting" || status.state === "ready") return status;
    throw serverError("SERVER_PLAN_OVER", { state: status.state });
  }

  async #status(
    { hash, header, removed, cancelledBy, cancelledMs }: PlanRow,
    options: CallOptions,
  ): Promise<PlanStatus> {
    const { rules, clock } = this.#parts;
    const nowMs = clock.nowMs();
    // Rules that were made stricter since count for plans of before as well.
    const needed = Math.max(header.approvals, rules.approvals);
    const notBeforeMs = Math.max(header.notBeforeMs, header.proposedMs + rules.delayMs);
    const approvedBy: { readonly name: string; readonly atMs: number }[] = [];
    for (const approval of this.#parts.records.approvals(hash)) {
      if (await this.#counts(hash, header, approval, options))
        approvedBy.push({ name: approval.name, atMs: approval.atMs });
    }
    const isOver = nowMs >= header.expiresMs;
    const isReady = approvedBy.length >= needed && nowMs >= notBeforeMs;
    return {
      ...header,
      hash,
      notBeforeMs,
      approvals: needed,
      state:
        cancelledMs !== undefined
          ? "cancelled"
          : removed >= header.files
            ? "done"
            : isOver
              ? "expired"
              : isReady
                ? "ready"
                : "waiting",
      approvedBy,
      removed: Math.min(removed, header.files),
      ...(cancelledBy === undefined ? {} : { cancelledBy }),
      ...(cancelledMs === undefined ? {} : { cancelledMs }),
    };
  }

  /** Whether an approval is one by the file of approvers as it is now. */
  async #counts(hash: string, header: PlanHeader, approval: ApprovalRow, { signal }: CallOptions): Promise<boolean> {
    const { approvers } = this.#parts;
    if (approvers === undefined) return false;
    // A key may have an end of its validity, which no change of the file announces.
    const period = Math.floor(this.#parts.clock.nowMs() / VERIFIED_MS);
    const known = `${await approvers.version()} ${period}: ${hash} ${approval.name} ${approval.signature}`;
    if (this.#valid.has(known)) return true;
    try {
      const person = await approvers.signerOf(planStatement("approve", hash), approval.signature, { signal });
      if (person.names[0] !== approval.name || isRequester(person, header)) return false;
    } catch (error) {
      if (isHoldfastError(error, "SERVER_SIGNATURE")) return false;
      throw error;
    }
    if (this.#valid.size > 1000) this.#valid.clear();
    this.#valid.add(known);
    return true;
  }

  #namesOf(hash: string): ReadonlySet<string> {
    const known = this.#named.get(hash);
    if (known !== undefined) return known;
    const document = this.#parts.records.document(hash);
    if (document === undefined) throw serverError("SERVER_NO_PLAN");
    const names = new Set(filesOf(document, hash).map(({ type, name }) => `${type} ${name}`));
    let kept = names.size;
    for (const { size } of this.#named.values()) kept += size;
    if (kept > MAX_KEPT_NAMES) this.#named.clear();
    this.#named.set(hash, names);
    return names;
  }
}

function filesOf(document: Uint8Array, hash: string): readonly PlannedFile[] {
  try {
    return decodePlan(document, hash).files;
  } catch (error) {
    throw serverError("SERVER_PLAN_DAMAGED", { hash }, error);
  }
}

/** A name of a person stands for the client of that name too, with or without what follows an `@`. */
function isRequester({ names }: Approver, { client, person }: Pick<PlanHeader, "client" | "person">): boolean {
  const requesters = [client, ...(person === undefined ? [] : [person])];
  return names.some((name) => requesters.includes(name) || client === name.split("@", 1)[0]);
}

function isSame(header: PlanHeader, { client, command, reason }: PlanRequest): boolean {
  return header.client === client && header.command === command && header.reason === reason;
}

function hasSameFiles(a: Uint8Array | undefined, b: Uint8Array): boolean {
  if (a === undefined) return false;
  const list = (document: Uint8Array): Uint8Array => document.subarray(document.indexOf(10));
  return Buffer.compare(list(a), list(b)) === 0;
}
