/**
 * What the server does with files, apart from HTTP: every rule about who may do what is applied here, once, and the backend below
 * knows nothing of it.
 */
import { isHoldfastError } from "@holdfast/base";
import {
  type Backend,
  type CallOptions,
  type Clock,
  type FileInfo,
  type FileType,
  type PeekOptions,
  type PeekedFile,
  loadBytes,
} from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { type Client, requireUse } from "./clients-file.ts";
import type { Ledger, LedgerKey } from "./ledger.ts";
import type { PlanRegistry } from "./plan-registry.ts";
import { type Removal, type RemovalRule, purgeTime } from "./removal-rules.ts";
import type { RepositoryPlaces } from "./repository-places.ts";
import { mayAddKeys, mayCreate, mayRemoveForeignLocks, requireRight } from "./roles.ts";
import { sha256 } from "./sha256.ts";
import type { Upload } from "./upload.ts";

/** A client that is not known to be one of many has so many locks at the most: each run has one, and for moments two. */
const MAX_LOCKS = 64;
/** `config` is some 155 bytes. */
const MAX_CONFIG_BYTES = 1024 * 1024;

export interface ServiceParts {
  readonly places: RepositoryPlaces;
  readonly ledger: Ledger;
  readonly rules: readonly RemovalRule[];
  readonly clock: Clock;
  /** How long what was removed stays in the trash; 0 for not at all. */
  readonly graceMs: number;
  readonly minAgeMs: number;
  /** Where files are removed by plans. */
  readonly plans?: Pick<PlanRegistry, "permitFor" | "noteRemoval">;
}

export interface SaveRequest extends CallOptions {
  readonly ifAbsent: boolean;
}

/** `stored`: it is visible now. `present`: the same file was there already. */
export type SaveOutcome = "stored" | "present";

export class RepositoryService {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** Makes an empty repository; harmless where one is. @throws SERVER_OTHER_REPOSITORY, SERVER_ROLE, SERVER_NO_ROOT */
  async create(client: Client, repository: string, { signal }: CallOptions): Promise<void> {
    requireUse(client, repository);
    if (!mayCreate(client.role)) requireRight(client.role, "add", "config");
    this.#parts.places.requireRoot();
    await (await this.#parts.places.open(repository)).initialize({ signal });
  }

  /** @throws SERVER_NO_FILE, SERVER_OTHER_REPOSITORY */
  async stat(client: Client, key: LedgerKey, { signal }: CallOptions): Promise<FileInfo> {
    requireUse(client, key.repository);
    requireRight(client.role, "look", key.type);
    const backend = await this.#parts.places.open(key.repository);
    const info = this.#isHidden(key) ? undefined : await backend.stat(fileKey(key), { signal });
    if (info === undefined) throw serverError("SERVER_NO_FILE");
    return this.#withTime(key, info);
  }

  /**
   * As `stat`, for who is going to read the file: with its bytes, or those of the range, where they are few and come at no more
   * cost.
   * @throws SERVER_NO_FILE, SERVER_OTHER_REPOSITORY, SERVER_ROLE
   */
  async peek(client: Client, key: LedgerKey, options: PeekOptions): Promise<PeekedFile> {
    requireUse(client, key.repository);
    requireRight(client.role, "read", key.type);
    const backend = await this.#parts.places.open(key.repository);
    if (backend.peek === undefined) return { info: await this.stat(client, key, options), bytes: undefined };
    const seen = this.#isHidden(key) ? undefined : await backend.peek(fileKey(key), options);
    if (seen === undefined) throw serverError("SERVER_NO_FILE");
    return { info: this.#withTime(key, seen.info), bytes: seen.bytes };
  }

  /** The backend to read a file from, when this client may. @throws SERVER_ROLE, SERVER_OTHER_REPOSITORY */
  async reader(client: Client, key: LedgerKey): Promise<Backend> {
    requireUse(client, key.repository);
    requireRight(client.role, "read", key.type);
    return this.#parts.places.open(key.repository);
  }

  /** All files of a type that were not removed, some at a time. @throws SERVER_OTHER_REPOSITORY */
  async *list(
    client: Client,
    repository: string,
    type: FileType,
    { signal }: CallOptions,
  ): AsyncGenerator<readonly FileInfo[]> {
    requireUse(client, repository);
    requireRight(client.role, "look", type);
    const backend = await this.#parts.places.open(repository);
    const hidden = this.#parts.ledger.hiddenNames(repository, type);
    for await (const batch of backend.listBatches?.(type, { signal }) ?? oneByOne(backend.list(type, { signal }))) {
      const shown = hidden.size === 0 ? batch : batch.filter(({ name }) => !hidden.has(name));
      yield shown.map((info) => this.#withTime({ repository, type, name: info.name }, info));
    }
  }

  /**
   * Whether this client may store a file here, before any byte of it is read.
   * @throws SERVER_ROLE, SERVER_OTHER_REPOSITORY, SERVER_KEY_SET, SERVER_TOO_MANY_LOCKS
   */
  async requireAdd(client: Client, key: LedgerKey, { signal }: CallOptions): Promise<void> {
    const { name, role } = client;
    requireUse(client, key.repository);
    requireRight(role, "add", key.type);
    const { ledger, places } = this.#parts;
    if (key.type === "lock" && ledger.countLocks(key.repository, name) >= MAX_LOCKS) {
      throw serverError("SERVER_TOO_MANY_LOCKS", { count: MAX_LOCKS });
    }
    if (key.type !== "key" || mayAddKeys(role)) return;
    const backend = await places.open(key.repository);
    const config = await backend.stat({ type: "config", name: "" }, { signal });
    if (config !== undefined) throw serverError("SERVER_KEY_SET", { role });
  }

  /**
   * Stores a file. What is there already under the same name has the same bytes, and is left alone.
   * @throws SERVER_EXISTS with `ifAbsent`, and for a `config`; SERVER_QUOTA, SERVER_NAME_MISMATCH, and what the backend throws
   */
  async save(client: Client, key: LedgerKey, upload: Upload, request: SaveRequest): Promise<SaveOutcome> {
    await this.requireAdd(client, key, request);
    const { ledger, clock } = this.#parts;
    const hidden = ledger.hidden(key);
    if (hidden === "purging") throw serverError("SERVER_TRASH_BUSY");
    if (hidden === "yes") {
      // Removed, and wanted again: the bytes never left.
      await upload.drain();
      if (!ledger.untrash(key)) throw serverError("SERVER_TRASH_BUSY");
      return "stored";
    }
    if (request.ifAbsent) await this.#requireAbsent(key, request);
    const isNoted = ledger.reserve(key, client.name, upload.sizeBytes, client.quotaBytes, clock.nowMs());
    try {
      const outcome = await this.#store(client, key, upload, request);
      if (outcome === "stored") ledger.confirm(key, clock.nowMs());
      else if (isNoted && ledger.stored(key) === undefined) ledger.forget(key);
      return outcome;
    } catch (error) {
      if (isNoted) await this.#afterFailure(key, error, request);
      throw error;
    }
  }

  /**
   * Returns the hash of the plan by which the file went, where one was needed.
   * @throws SERVER_NO_FILE, SERVER_APPEND_ONLY, SERVER_FOREIGN_LOCK, and what the rules throw
   */
  async remove(client: Client, key: LedgerKey, { signal }: CallOptions): Promise<string | undefined> {
    requireUse(client, key.repository);
    requireRight(client.role, "remove", key.type);
    const backend = await this.#parts.places.open(key.repository);
    const info = this.#isHidden(key) ? undefined : await backend.stat(fileKey(key), { signal });
    if (info === undefined) throw serverError("SERVER_NO_FILE");
    return this.#discard(client, key, backend, info, signal);
  }

  /** Files that were on their way when the server ended last: looks which of them are there. */
  async settle(pending: readonly LedgerKey[], { signal }: CallOptions): Promise<void> {
    const { ledger, places, clock } = this.#parts;
    for (const key of pending) {
      const info = await (await places.open(key.repository)).stat(fileKey(key), { signal });
      if (info === undefined) ledger.forget(key);
      else ledger.confirm(key, info.receivedAtMs ?? clock.nowMs());
    }
  }

  /** Spares a client an upload that would be refused at its end. */
  async #requireAbsent(key: LedgerKey, { signal }: CallOptions): Promise<void> {
    const backend = await this.#parts.places.open(key.repository);
    const info = await backend.stat(fileKey(key), { signal });
    if (info !== undefined) throw serverError("SERVER_EXISTS", { type: key.type });
  }

  async #store(client: Client, key: LedgerKey, upload: Upload, request: SaveRequest): Promise<SaveOutcome> {
    const { signal, ifAbsent } = request;
    const backend = await this.#parts.places.open(key.repository);
    const source = await upload.source();
    try {
      await backend.save(fileKey(key), source, { signal, ifAbsent: true });
      return "stored";
    } catch (error) {
      if (!isHoldfastError(error, "STORAGE_EXISTS")) throw error;
    }
    if (key.type === "config" && !ifAbsent) {
      requireRight(client.role, "replace", key.type);
      const info = await backend.stat(fileKey(key), { signal });
      if (info !== undefined) {
        await this.#keepConfig(await this.#admit(client, key, info, signal), info, backend, signal);
      }
      await backend.save(fileKey(key), source, { signal });
      return "stored";
    }
    if (ifAbsent || key.type === "config") throw serverError("SERVER_EXISTS", { type: key.type });
    await upload.drain();
    const stored = await backend.stat(fileKey(key), { signal });
    if (stored?.sizeBytes !== upload.sizeBytes) throw serverError("SERVER_EXISTS_DAMAGED", { ...fileKey(key) });
    return "present";
  }

  /** The failure may have come after the file became visible: then it counts. */
  async #afterFailure(key: LedgerKey, error: unknown, { signal }: CallOptions): Promise<void> {
    const { ledger, places, clock } = this.#parts;
    const isUnclear = isHoldfastError(error) && error.kind === "unavailable" && error.transient;
    if (!isUnclear) return ledger.forget(key);
    const backend = await places.open(key.repository);
    // When that cannot be found out either, the note stays until the server starts again.
    const info = await backend.stat(fileKey(key), { signal }).catch(() => null);
    if (info === undefined) ledger.forget(key);
    else if (info !== null) ledger.confirm(key, clock.nowMs());
  }

  async #discard(
    client: Client,
    key: LedgerKey,
    backend: Backend,
    info: FileInfo,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { ledger, graceMs, minAgeMs, plans } = this.#parts;
    const removal = await this.#admit(client, key, info, signal);
    const { plan } = removal;
    const purgeMs = purgeTime(removal, { graceMs, minAgeMs });
    if (key.type === "config") await this.#keepConfig(removal, info, backend, signal);
    else if (key.type !== "lock" && purgeMs > removal.nowMs) {
      const { nowMs: removedMs, client: removedBy } = removal;
      ledger.trash({ ...key, sizeBytes: info.sizeBytes, removedMs, removedBy, purgeMs, content: undefined });
      if (plan !== undefined) plans?.noteRemoval(plan);
      return plan;
    }
    await backend.remove(fileKey(key), { signal });
    ledger.forget(key);
    if (plan !== undefined) plans?.noteRemoval(plan);
    return plan;
  }

  /** Asks every rule. */
  async #admit(client: Client, key: LedgerKey, info: FileInfo, signal: AbortSignal): Promise<Removal> {
    const { ledger, rules, clock, plans } = this.#parts;
    const stored = ledger.stored(key);
    if (key.type === "lock" && !mayRemoveForeignLocks(client.role) && stored?.client !== client.name) {
      throw serverError("SERVER_FOREIGN_LOCK");
    }
    const receivedMs = stored?.receivedMs ?? info.receivedAtMs;
    const needsPlan = plans !== undefined && key.type !== "lock";
    const plan = needsPlan ? await plans.permitFor(key, { signal }) : undefined;
    const isSpare = needsPlan && plan === undefined && (await this.#isAlsoSnapshot(key, signal));
    const removal = { key, client: client.name, receivedMs, nowMs: clock.nowMs(), plan, isSpare };
    for (const rule of rules) rule(removal);
    return removal;
  }

  /** A forgotten snapshot that is a snapshot, too: the name is the hash, so the bytes are the same. */
  async #isAlsoSnapshot({ repository, type, name }: LedgerKey, signal: AbortSignal): Promise<boolean> {
    const snapshot = { repository, type: "snapshot", name } as const;
    if (type !== "forgotten" || this.#isHidden(snapshot)) return false;
    const backend = await this.#parts.places.open(repository);
    return (await backend.stat(fileKey(snapshot), { signal })) !== undefined;
  }

  /** The name of a `config` is always the same, so that the next one could not be told from it: its bytes are kept instead. */
  async #keepConfig(removal: Removal, info: FileInfo, backend: Backend, signal: AbortSignal): Promise<void> {
    const { ledger, graceMs, minAgeMs } = this.#parts;
    const { key, client, nowMs } = removal;
    const content = await loadBytes(backend, fileKey(key), undefined, { signal, maxBytes: MAX_CONFIG_BYTES });
    const purgeMs = purgeTime(removal, { graceMs, minAgeMs });
    const name = sha256(content);
    ledger.trash({ ...key, name, sizeBytes: info.sizeBytes, removedMs: nowMs, removedBy: client, purgeMs, content });
  }

  #isHidden(key: LedgerKey): boolean {
    return this.#parts.ledger.hidden(key) !== "no";
  }

  /** The file's own time costs nothing; the ledger's has to be looked up. */
  #withTime(key: LedgerKey, { name, sizeBytes, receivedAtMs }: FileInfo): FileInfo {
    const receivedMs = receivedAtMs ?? this.#parts.ledger.stored(key)?.receivedMs;
    return receivedMs === undefined ? { name, sizeBytes } : { name, sizeBytes, receivedAtMs: Math.floor(receivedMs) };
  }
}

function fileKey({ type, name }: LedgerKey): { readonly type: FileType; readonly name: string } {
  return { type, name };
}

async function* oneByOne(files: AsyncIterable<FileInfo>): AsyncGenerator<readonly FileInfo[]> {
  for await (const file of files) yield [file];
}
