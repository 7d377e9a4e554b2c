/** The repository server as a whole: puts its parts together, keeps house while it runs, and ends it. */
import { type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "@holdfast/base";
import { type Clock, type Surroundings, systemClock } from "@holdfast/storage";
import { serverError } from "../errors.ts";
import type { AccessLog } from "./access-log.ts";
import { Approvers } from "./approvers.ts";
import { Authenticator } from "./authenticator.ts";
import type { Client } from "./clients-file.ts";
import { ClockGuard } from "./clock-guard.ts";
import { type CertificateFiles, HttpListener } from "./http-listener.ts";
import { Ledger, type LedgerKey } from "./ledger.ts";
import { HashThread } from "./hash-thread.ts";
import { type ListenAddress, formatListenAddress, isLoopback } from "./listen-address.ts";
import { type Gauge, Metrics } from "./metrics.ts";
import { PlanRegistry, type PlanRules } from "./plan-registry.ts";
import { PlanRequests } from "./plan-requests.ts";
import { PlanService } from "./plan-service.ts";
import { minimumAge, plannedOnly, trustedClock } from "./removal-rules.ts";
import { RepositoryPlaces } from "./repository-places.ts";
import { RepositoryService } from "./repository-service.ts";
import { RequestHandler } from "./request-handler.ts";
import type { Role } from "./roles.ts";
import { Trash } from "./trash.ts";

const HOUR_MS = 3_600_000;
const KEEP_HOUSE_MS = 60_000;
const LOOK_AT_CLIENTS_MS = 2000;
/** So long after its end a plan can be looked at. */
const KEEP_PLANS_MS = 30 * 24 * HOUR_MS;

export interface RepositoryServerOptions {
  /** The place below which all repositories lie, as for `--repo`. */
  readonly root: string;
  readonly surroundings: Surroundings;
  readonly listen: ListenAddress;
  /** Folder of the server's own records. Default: one in the root, if that is a local folder. */
  readonly stateFolder?: string | undefined;
  /** Who may use it: a file of clients, or everybody in one role. */
  readonly access: { readonly clientsFile: string } | { readonly anonymous: Role };
  readonly certificate?: CertificateFiles | undefined;
  /** Other machines may reach it without TLS. */
  readonly allowPlainHttp?: boolean;
  /** Nothing younger is removed. Default: 0. */
  readonly minAgeMs?: number | undefined;
  /** How long what was removed can come back. Default: 7 days. */
  readonly graceMs?: number | undefined;
  /** Files are removed only by plans that were registered. Default: without. */
  readonly plans?: PlanOptions | undefined;
  /** Where metrics can be read, without a password. Default: nowhere. */
  readonly metrics?: ListenAddress | undefined;
  readonly log?: AccessLog | undefined;
  /** How long a client may pause in the middle of a request. Default: one minute. */
  readonly idleMs?: number;
  /** Told of what goes wrong in the background. */
  readonly onProblem?: (text: string) => void;
  readonly clock?: Clock;
}

/** What a plan for removals needs. */
export interface PlanOptions extends PlanRules {
  /** Who approves, as OpenSSH's allowed signers; needed where anybody has to. */
  readonly approversFile?: string | undefined;
}

export class RepositoryServer {
  readonly url: string;
  readonly metricsUrl: string | undefined;
  readonly #parts: Parts;
  readonly #listener: HttpListener;
  readonly #metricsListener: HttpListener | undefined;
  readonly #house = new AbortController();
  readonly #chores: Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(parts: Parts, listener: HttpListener, metricsListener: HttpListener | undefined) {
    this.#parts = parts;
    this.#listener = listener;
    this.#metricsListener = metricsListener;
    this.url = listener.url;
    this.metricsUrl = metricsListener === undefined ? undefined : `${metricsListener.url}metrics`;
    this.#chores = Promise.all([this.#keepHouse(), this.#watchClients()]).then(() => {});
  }

  /**
   * Starts to listen.
   * @throws SERVER_INSECURE, SERVER_LISTEN, SERVER_CERTIFICATE, SERVER_NO_ROOT, SERVER_NO_STATE, SERVER_STATE, and what reading the
   * file of clients throws
   */
  static async start(options: RepositoryServerOptions): Promise<RepositoryServer> {
    requireSafe(options);
    const parts = await prepare(options);
    let listener: HttpListener | undefined;
    try {
      const { handler, metrics } = parts;
      listener = await HttpListener.open(options.listen, options.certificate, (request, response) =>
        handler.handle(request, response),
      );
      const page = async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
        answerMetrics(request, response, metrics);
      const metricsListener =
        options.metrics === undefined ? undefined : await HttpListener.open(options.metrics, undefined, page);
      return new RepositoryServer(parts, listener, metricsListener);
    } catch (error) {
      await listener?.close();
      await parts.close();
      throw error;
    }
  }

  /** Reads clients and certificate anew, and opens the log anew. What cannot be read stays as it was, and is reported. */
  async reload(): Promise<void> {
    const { authenticator, options } = this.#parts;
    options.log?.reopen();
    await authenticator?.reload().catch((error: unknown) => this.#report(error));
    await this.#listener.reloadCertificate().catch((error: unknown) => this.#report(error));
  }

  /** Takes no new requests, gives those under way some time, then breaks them off. May be called again. */
  close({ graceMs }: { graceMs: number }): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const { handler } = this.#parts;
    this.#house.abort();
    handler.end();
    this.#listener.stop();
    const endMs = performance.now() + graceMs;
    while (handler.active > 0 && performance.now() < endMs) await sleep(20);
    handler.abort();
    await this.#listener.close();
    await this.#metricsListener?.close();
    // Their calls to backends see the abort.
    while (handler.active > 0) await sleep(5);
    await this.#chores;
    await this.#parts.close();
  }

  async #keepHouse(): Promise<void> {
    const { trash, guard, service, pending, options, ledger } = this.#parts;
    const { signal } = this.#house;
    const { clock = systemClock } = options;
    await service.settle(pending, { signal }).catch((error: unknown) => this.#report(error));
    while (await pause(KEEP_HOUSE_MS, signal)) {
      try {
        guard.note();
        if (guard.doubt() === undefined) {
          await trash.purgeDue(clock.nowMs(), { signal });
          ledger.plans.dropEndedBefore(clock.nowMs() - KEEP_PLANS_MS);
        }
      } catch (error) {
        this.#report(error);
      }
    }
  }

  async #watchClients(): Promise<void> {
    const { authenticator } = this.#parts;
    if (authenticator === undefined) return;
    while (await pause(LOOK_AT_CLIENTS_MS, this.#house.signal)) {
      await authenticator.reloadIfChanged().catch((error: unknown) => this.#report(error));
    }
  }

  #report(error: unknown): void {
    if (!this.#house.signal.aborted) this.#parts.options.onProblem?.(messageOf(error));
  }
}

interface Parts {
  readonly options: RepositoryServerOptions;
  readonly authenticator: Authenticator | undefined;
  readonly service: RepositoryService;
  readonly handler: RequestHandler;
  readonly metrics: Metrics;
  readonly trash: Trash;
  readonly ledger: Ledger;
  readonly guard: ClockGuard;
  /** Uploads that the last server did not see the end of. */
  readonly pending: readonly LedgerKey[];
  close(): Promise<void>;
}

async function prepare(options: RepositoryServerOptions): Promise<Parts> {
  const { root, surroundings, stateFolder, access, log, clock = systemClock } = options;
  const { minAgeMs = 0, graceMs = 7 * 24 * HOUR_MS, idleMs = 60_000 } = options;
  const places = new RepositoryPlaces(root, { surroundings, stateFolder });
  const authenticator = "clientsFile" in access ? await Authenticator.open(access.clientsFile) : undefined;
  const ledger = Ledger.open(places.stateFolder);
  const guard = new ClockGuard(ledger, clock);
  const registry = await openRegistry(options, places, ledger).catch(async (error: unknown) => {
    ledger.close();
    await places.close();
    throw error;
  });
  const rules = [trustedClock(guard), minimumAge(minAgeMs), ...(registry === undefined ? [] : [plannedOnly])];
  const planned = registry === undefined ? {} : { plans: registry };
  const service = new RepositoryService({ places, ledger, rules, clock, graceMs, minAgeMs, ...planned });
  const plans = registry === undefined ? undefined : new PlanRequests(new PlanService(registry, service));
  const measured = { ledger, guard, authenticator, clock };
  const metrics: Metrics = new Metrics(gauges(measured, () => handler.active));
  const anonymous = "anonymous" in access ? everybody(access.anonymous) : undefined;
  const authenticate = async (header: string | undefined): Promise<Client> => {
    if (anonymous !== undefined) return anonymous;
    if (authenticator === undefined) throw serverError("SERVER_CREDENTIALS");
    return authenticator.authenticate(header);
  };
  const hashing = new HashThread();
  const handler = new RequestHandler({ service, plans, authenticate, hashing, metrics, log, idleMs });
  const close = async (): Promise<void> => {
    await hashing.close();
    await places.close();
    ledger.close();
  };
  const trash = new Trash(ledger, places);
  const pending = ledger.pendingFiles();
  return { options, authenticator, service, handler, metrics, trash, ledger, guard, pending, close };
}

/** @throws SERVER_PLAN_TIMES, SERVER_APPROVERS, SERVER_NO_SSH_KEYGEN */
async function openRegistry(
  { plans, surroundings, clock = systemClock }: RepositoryServerOptions,
  { stateFolder }: RepositoryPlaces,
  { plans: records }: Ledger,
): Promise<PlanRegistry | undefined> {
  if (plans === undefined) return undefined;
  const { approvals, approversFile, delayMs, expiryMs } = plans;
  if (expiryMs <= delayMs) {
    const hours = (ms: number): string => `${Math.round(ms / 36_000) / 100} hours`;
    throw serverError("SERVER_PLAN_TIMES", { expiry: hours(expiryMs), delay: hours(delayMs) });
  }
  const path = approversFile ?? "";
  const { environment = {} } = surroundings;
  const approvers =
    approvals === 0
      ? undefined
      : await Approvers.open(
          { path, folder: stateFolder, environment, least: approvals },
          { signal: AbortSignal.timeout(60_000) },
        );
  return new PlanRegistry({ records, rules: plans, approvers, clock });
}

/** What is open to others must be safe. @throws SERVER_INSECURE */
function requireSafe({ listen, certificate, allowPlainHttp, access, metrics }: RepositoryServerOptions): void {
  const address = formatListenAddress(listen);
  if (!isLoopback(listen) && "anonymous" in access) {
    const how = "Make a file of clients with `holdfast serve client add`; --anonymous is for the loopback address.";
    throw serverError("SERVER_INSECURE", { address, what: "all repositories", how });
  }
  if (!isLoopback(listen) && certificate === undefined && allowPlainHttp !== true) {
    const how = "Give --tls-certificate and --tls-key, or --insecure-plain-http where something else encrypts.";
    throw serverError("SERVER_INSECURE", { address, what: "passwords on their way", how });
  }
  if (metrics !== undefined && !isLoopback(metrics)) {
    const how = "Let something on this machine fetch them.";
    throw serverError("SERVER_INSECURE", { address: formatListenAddress(metrics), what: "metrics", how });
  }
}

/** A client that stands for everybody who reaches the server. */
function everybody(role: Role): Client {
  return { name: "anonymous", role, repositories: ["*"] };
}

interface Measured {
  readonly ledger: Ledger;
  readonly guard: ClockGuard;
  readonly authenticator: Authenticator | undefined;
  readonly clock: Clock;
}

function gauges({ ledger, guard, authenticator, clock }: Measured, active: () => number): Gauge[] {
  const one = (value: number): readonly { labels: Record<string, string>; value: number }[] => [{ labels: {}, value }];
  return [
    { name: "holdfast_active_requests", help: "Requests under way.", values: () => one(active()) },
    {
      name: "holdfast_used_bytes",
      help: "What files of a client take up, also those in the trash.",
      values: () => ledger.allUsage().map(({ client, bytes }) => ({ labels: { client }, value: bytes })),
    },
    {
      name: "holdfast_quota_bytes",
      help: "What files of a client may take up.",
      values: () =>
        [...(authenticator?.clients ?? [])].flatMap(({ name, quotaBytes }) =>
          quotaBytes === undefined ? [] : [{ labels: { client: name }, value: quotaBytes }],
        ),
    },
    {
      name: "holdfast_trash_files",
      help: "Removed files that can still come back.",
      values: () => one(ledger.trashTotals().files),
    },
    {
      name: "holdfast_trash_bytes",
      help: "Bytes of removed files that can still come back.",
      values: () => one(ledger.trashTotals().bytes),
    },
    {
      name: "holdfast_open_plans",
      help: "Plans for removals that wait, or can be carried out.",
      values: () => one(ledger.plans.countOpen(clock.nowMs())),
    },
    {
      name: "holdfast_clock_doubt",
      help: "1 while nothing is removed, since the clock of the server was set.",
      values: () => one(guard.doubt() === undefined ? 0 : 1),
    },
  ];
}

function answerMetrics(request: IncomingMessage, response: ServerResponse, metrics: Metrics): void {
  const isRight = request.method === "GET" && request.url === "/metrics";
  const body = isRight ? metrics.text() : "metrics are at /metrics\n";
  response.writeHead(isRight ? 200 : 404, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
  response.end(body);
}

/** Waits. Returns false when it is time to end. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
  return !signal.aborted;
}
