/**
 * A repository behind restic's REST protocol, version 2: rest-server, `rclone serve restic`, and Holdfast's own server, which
 * offers more (docs/format.md, "Over restic's REST protocol") and announces it.
 */
import { Secret, isHoldfastError } from "@holdfast/base";
import type {
  Backend,
  ByteRange,
  ByteSource,
  CallOptions,
  Capabilities,
  FileInfo,
  FileKey,
  FileType,
  LoadOptions,
  SaveOptions,
} from "../backend.ts";
import { loadNothing } from "../bytes-source.ts";
import { storageError } from "../errors.ts";
import { type HttpAddress, authorizationOf } from "../http/http-address.ts";
import type { HttpAnswer } from "../http/http-answer.ts";
import { HttpClient, type HttpPatience, type HttpRequest } from "../http/http-client.ts";
import { fromStatus } from "../http/http-errors.ts";
import { type HttpSettings, httpSettings } from "../http/http-settings.ts";
import { isForLoading, loadBody, rangeHeader } from "../http/read-body.ts";
import { RESTIC_FILE_TYPES, assertKey, assertRange, folderOf, isFileName } from "../keys.ts";
import type { Surroundings } from "../location.ts";
import { wholeNumberOption } from "../options.ts";
import type { RemovalPlans } from "../plans/removal-plan.ts";
import { hasSameContent } from "../same-content.ts";
import { readJsonList } from "./json-list.ts";
import { RestPlans } from "./rest-plans.ts";
import { NO_FEATURES, type ServerFeatures, announcedFeatures } from "./server-features.ts";

const VERSION_2 = "application/vnd.x.restic.rest.v2";
const DEFAULT_CONNECTIONS = 8;
const MOST_CONNECTIONS = 32;
const HOW_TO_LOG_IN =
  "Set HOLDFAST_REST_USERNAME and HOLDFAST_REST_PASSWORD, or write rest:https://user:password@host/.";

export interface RestOptions {
  readonly address: HttpAddress;
  readonly settings: HttpSettings;
  readonly authorization?: Secret | undefined;
  /** How many calls at once make sense, neither more nor fewer. Default: 8, and what the server shows that it bears. */
  readonly connections?: number | undefined;
  readonly patience?: Partial<HttpPatience>;
  /** In place of the address, for messages. */
  readonly location?: string;
  /** Why the server does not answer any more, where that is known. */
  readonly whyGone?: () => Error | undefined;
}

export class RestBackend implements Backend {
  readonly location: string;
  readonly #client: HttpClient;
  readonly #basePath: string;
  readonly #connections: number | undefined;
  readonly #plans: RestPlans;
  #features: ServerFeatures = NO_FEATURES;

  constructor({ address, connections, location = address.shown, ...how }: RestOptions) {
    this.location = location;
    this.#client = new HttpClient({ ...address, location, ...how });
    this.#basePath = address.path;
    this.#connections = connections;
    this.#plans = new RestPlans({
      location,
      exchange: (request, use) => this.#exchange(request, use),
      refused: (answer, path) => this.#refused(answer, path),
    });
  }

  /** As far as the server has announced them. */
  get removalPlans(): RemovalPlans | undefined {
    return this.#features.has("plans") ? this.#plans : undefined;
  }

  /** As far as the server has announced them; nothing is known before its first answer. */
  get capabilities(): Capabilities {
    const isConditional = this.#features.has("if-absent");
    return {
      atomicReplace: isConditional,
      conditionalPut: isConditional,
      serverTime: this.#features.has("received"),
      maxConcurrency: this.#connections ?? DEFAULT_CONNECTIONS,
      ...(this.#connections === undefined ? { mostConcurrency: MOST_CONNECTIONS } : {}),
      settleMs: 0,
    };
  }

  async initialize({ signal }: CallOptions): Promise<void> {
    await this.#exchange({ method: "POST", path: "?create=true", signal }, async (answer) => {
      if (!isSuccess(answer)) throw await this.#refused(answer, "");
    });
  }

  async save(key: FileKey, source: ByteSource, { signal, ifAbsent = false }: SaveOptions): Promise<void> {
    const path = restPath(key);
    signal.throwIfAborted();
    if (ifAbsent && !this.#features.has("if-absent") && (await this.stat(key, { signal })) !== undefined) {
      throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
    }
    const headers = ifAbsent ? { "If-None-Match": "*" } : {};
    const body = { key, source };
    const refusal = await this.#exchange({ method: "POST", path, headers, body, signal }, async (answer) => {
      if (isSuccess(answer)) return undefined;
      if (answer.status === 412) throw storageError("STORAGE_EXISTS", { location: this.location, ...key });
      if (answer.status === 400) throw await this.#arrivedWrong(answer);
      const isUnknownPath = answer.status === 404 || answer.status === 405 || answer.status === 501;
      if (isUnknownPath && !RESTIC_FILE_TYPES.includes(key.type)) {
        throw storageError("STORAGE_NO_OWN_FILES", { location: this.location, type: key.type });
      }
      const error = await this.#refused(answer, path);
      if (answer.status !== 403) throw error;
      return error;
    });
    if (refusal !== undefined) await this.#judgeRefusedSave(key, source, { signal, ifAbsent }, refusal);
  }

  async load<T>(
    key: FileKey,
    range: ByteRange | undefined,
    consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
    options: LoadOptions,
  ): Promise<T> {
    const path = restPath(key);
    assertRange(range);
    const { signal } = options;
    signal.throwIfAborted();
    if (range?.length === 0) return loadNothing(this, key, range, consume, { signal });
    const wanted = { location: this.location, key, range };
    const headers = range === undefined ? {} : { Range: rangeHeader(range) };
    return this.#exchange({ method: "GET", path, headers, signal }, async (answer) => {
      if (answer.status === 404) throw this.#notFound(key);
      if (!isForLoading(answer)) throw await this.#refused(answer, path);
      return loadBody(answer, wanted, consume, options);
    });
  }

  async stat(key: FileKey, { signal }: CallOptions): Promise<FileInfo | undefined> {
    const path = restPath(key);
    signal.throwIfAborted();
    return this.#exchange({ method: "HEAD", path, signal }, async (answer) => {
      if (answer.status === 404) return undefined;
      if (!isSuccess(answer) || answer.contentLength === undefined) throw await this.#refused(answer, path);
      const received = answer.header("holdfast-received");
      const atMs = received === undefined ? Date.parse(answer.header("last-modified") ?? "") : Number(received);
      return fileInfo(key.name, answer.contentLength, atMs);
    });
  }

  async *list(type: FileType, { signal }: CallOptions): AsyncGenerator<FileInfo> {
    signal.throwIfAborted();
    if (type === "config") {
      const info = await this.stat({ type, name: "" }, { signal });
      if (info !== undefined) yield info;
      return;
    }
    const path = `${folderOf(type)}/`;
    const answer = await this.#send({ method: "GET", path, headers: { Accept: VERSION_2 }, signal });
    try {
      if (this.#isEmptyFolder(answer, type)) return;
      if (answer.status === 404 && (await this.#isVacant(signal))) return;
      if (!isSuccess(answer)) throw await this.#refused(answer, path);
      // The grace period of forgotten snapshots goes by these times, and listings of other servers have none.
      let isAsking = type === "forgotten" && !this.#features.has("received");
      for await (const lot of readJsonList(this.#versionTwo(answer).chunks(), this.location)) {
        for (const element of lot) {
          const info = listedInfo(element, type);
          if (info === undefined) continue;
          const told = isAsking ? await this.stat({ type, name: info.name }, { signal }) : undefined;
          if (isAsking && told?.receivedAtMs === undefined) isAsking = false;
          yield told ?? info;
          signal.throwIfAborted();
        }
      }
    } finally {
      answer.release();
    }
  }

  async remove(key: FileKey, { signal }: CallOptions): Promise<void> {
    const path = restPath(key);
    signal.throwIfAborted();
    await this.#exchange({ method: "DELETE", path, signal }, async (answer) => {
      if (isSuccess(answer)) return;
      if (answer.status === 404) throw this.#notFound(key);
      const refusal = answer.header("holdfast-refusal") ?? "append-only";
      if (answer.status === 403 && refusal === "append-only") {
        throw storageError("STORAGE_APPEND_ONLY", { location: this.location, ...key });
      }
      if (answer.status === 403 && refusal === "plan") {
        throw storageError("STORAGE_UNPLANNED", { location: this.location, ...key });
      }
      const until = answer.header("holdfast-retained-until");
      if (answer.status === 403 && refusal === "retention" && until !== undefined && isUtcTime(until)) {
        throw storageError("STORAGE_RETAINED", { location: this.location, ...key, until });
      }
      throw await this.#refused(answer, path);
    });
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #send(request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#client.send({ ...request, path: this.#basePath + request.path });
    this.#features = announcedFeatures(answer) ?? this.#features;
    return answer;
  }

  async #exchange<T>(request: HttpRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T> {
    return (await this.#send(request)).handTo(use);
  }

  /** Folders of our own that a server does not know are as good as empty ones; rclone may not find a folder without files. */
  #isEmptyFolder(answer: HttpAnswer, type: FileType): boolean {
    const { status } = answer;
    if (status === 404 && (answer.header("server") ?? "").startsWith("rclone/")) return true;
    return !RESTIC_FILE_TYPES.includes(type) && (status === 404 || status === 405 || status === 501);
  }

  /**
   * restic's rest-server finds no folder before a repository was made. Where one was made, a folder that is not there is lost, and
   * must not look like one without files: prune would take all data for unused.
   */
  async #isVacant(signal: AbortSignal): Promise<boolean> {
    return (await this.stat({ type: "config", name: "" }, { signal })) === undefined;
  }

  #versionTwo(answer: HttpAnswer): HttpAnswer {
    if ((answer.header("content-type") ?? "").startsWith(VERSION_2)) return answer;
    const reason = "no server of restic's REST protocol, version 2, answers at this address";
    throw storageError("STORAGE_FAILED", { location: this.location, reason });
  }

  /**
   * A server that lets nobody replace anything refuses a file that is there already. A plain save that met its own bytes (of a
   * try whose answer got lost) has done its work.
   */
  async #judgeRefusedSave(key: FileKey, source: ByteSource, options: SaveOptions, refusal: Error): Promise<void> {
    const { signal } = options;
    const stored = await this.stat(key, { signal });
    if (stored === undefined) throw refusal;
    const exists = storageError("STORAGE_EXISTS", { location: this.location, ...key }, refusal);
    if (options.ifAbsent === true || stored.sizeBytes !== source.sizeBytes) throw exists;
    try {
      if (!(await hasSameContent(this, key, source, { signal }))) throw exists;
    } catch (error) {
      // Who may only write cannot compare; where the server has seen that names are hashes, the name says as much.
      const isHashed = this.#features.has("verified") && key.type !== "config";
      if (!isHashed || !isHoldfastError(error, "STORAGE_PERMISSION")) throw error;
    }
  }

  /** The body was cut off, or its hash is not its name: another try may arrive as it was sent. */
  async #arrivedWrong(answer: HttpAnswer): Promise<Error> {
    const reason = `what arrived at the server is not what was sent (${answer.status}, ${await answer.text()})`;
    return storageError("STORAGE_UNAVAILABLE", { location: this.location, reason });
  }

  async #refused(answer: HttpAnswer, path: string): Promise<Error> {
    const { status } = answer;
    if (status === 404) {
      return storageError("STORAGE_NO_PLACE", { location: this.location, what: path === "" ? "the repository" : path });
    }
    return fromStatus({
      location: this.location,
      path,
      status,
      text: await answer.text(),
      hadCredentials: this.#client.hasCredentials,
      howToLogIn: HOW_TO_LOG_IN,
      redirect: answer.header("location"),
      retryAfterMs: answer.retryAfterMs,
    });
  }

  #notFound(key: FileKey): Error {
    return storageError("STORAGE_NOT_FOUND", { location: this.location, ...key });
  }
}

/** The protocol has no folders below `data`. */
function restPath(key: FileKey): string {
  assertKey(key);
  return key.type === "config" ? "config" : `${folderOf(key.type)}/${key.name}`;
}

function isSuccess({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

function fileInfo(name: string, sizeBytes: number, received: unknown): FileInfo {
  const isTime = Number.isSafeInteger(received) && (received as number) > 0;
  return isTime ? { name, sizeBytes, receivedAtMs: received as number } : { name, sizeBytes };
}

/** Foreign names, and whatever else is no entry of a file, are skipped. */
function listedInfo(element: unknown, type: FileType): FileInfo | undefined {
  if (typeof element !== "object" || element === null) return undefined;
  const { name, size, received } = element as { name?: unknown; size?: unknown; received?: unknown };
  if (typeof name !== "string" || !isFileName(type, name) || !Number.isSafeInteger(size)) return undefined;
  return fileInfo(name, size as number, received);
}

/** Connects to nothing yet. @throws STORAGE_INVALID_OPTION */
export async function openRest(address: HttpAddress, surroundings: Surroundings): Promise<RestBackend> {
  const variable = (name: string): string | undefined =>
    surroundings.variable(`HOLDFAST_${name}`) ?? surroundings.variable(`RESTIC_${name}`);
  const login = { user: variable("REST_USERNAME"), password: variable("REST_PASSWORD") };
  return new RestBackend({
    address,
    settings: await httpSettings(surroundings),
    authorization: authorizationOf(address, login),
    connections: wholeNumberOption("rest.connections", surroundings, { least: 1, most: 256 }),
  });
}

/** ISO 8601, in UTC. */
function isUtcTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text);
}
