/** What clients may do with plans for removals, apart from HTTP. */
import { isHoldfastError } from "@holdfast/base";
import {
  type CallOptions,
  type FileType,
  MAX_PLAN_FILES,
  MAX_REASON_CHARS,
  type PlanProposal,
  type PlanStatus,
  type PlannedFile,
} from "@holdfast/storage";
import { serverError } from "../errors.ts";
import { type Client, requireUse } from "./clients-file.ts";
import type { PlanRegistry } from "./plan-registry.ts";
import type { RepositoryService } from "./repository-service.ts";
import { mayRemoveForeignLocks, requireRight } from "./roles.ts";

/** Fewer files are looked for one by one; of more, the whole list is read once. */
const FEW_FILES = 100;
const COMMAND = /^[a-z][a-z -]{0,39}$/;

export class PlanService {
  readonly #registry: PlanRegistry;
  readonly #service: RepositoryService;

  constructor(registry: PlanRegistry, service: RepositoryService) {
    this.#registry = registry;
    this.#service = service;
  }

  /** @throws SERVER_OTHER_REPOSITORY */
  async list(client: Client, repository: string, { signal }: CallOptions): Promise<PlanStatus[]> {
    requireUse(client, repository);
    return this.#registry.list(repository, { signal });
  }

  /** @throws SERVER_OTHER_REPOSITORY, SERVER_NO_PLAN */
  document(client: Client, repository: string, hash: string): Uint8Array {
    requireUse(client, repository);
    return this.#registry.document(repository, hash);
  }

  /**
   * Registers a plan. Each file must be there, and one that the client may remove.
   * @throws SERVER_BAD_PLAN, SERVER_PLAN_FILE, SERVER_TOO_MANY_PLANS, and what the role does not allow
   */
  async propose(
    client: Client,
    repository: string,
    { command, reason, files }: PlanProposal,
    { signal }: CallOptions,
  ): Promise<PlanStatus> {
    requireUse(client, repository);
    if (!COMMAND.test(command)) throw serverError("SERVER_BAD_PLAN", { problem: "its command is none" });
    if (reason.length > MAX_REASON_CHARS || /\p{Cc}/u.test(reason)) {
      throw serverError("SERVER_BAD_PLAN", { problem: "its reason is too long, or not one line of text" });
    }
    const byType = new Map<FileType, Set<string>>();
    for (const { type, name } of files) {
      if (type === "lock") throw serverError("SERVER_BAD_PLAN", { problem: "locks need no plan" });
      requireRight(client.role, "remove", type);
      byType.set(type, (byType.get(type) ?? new Set()).add(name));
    }
    const count = [...byType.values()].reduce((sum, { size }) => sum + size, 0);
    if (count === 0 || count > MAX_PLAN_FILES || count !== files.length) {
      const problem = `it must name from 1 to ${MAX_PLAN_FILES} files, each once`;
      throw serverError("SERVER_BAD_PLAN", { problem });
    }
    const found: PlannedFile[] = [];
    for (const [type, names] of byType) found.push(...(await this.#found(client, repository, type, names, signal)));
    const { name, person } = client;
    const request = { repository, client: name, command, reason, ...(person === undefined ? {} : { person }) };
    return this.#registry.register(request, found, { signal });
  }

  /**
   * Whoever may use the repository brings the signature; what counts is who made it.
   * @throws what `PlanRegistry.approve` throws
   */
  async approve(
    client: Client,
    repository: string,
    hash: string,
    signature: string,
    { signal }: CallOptions,
  ): Promise<{ readonly status: PlanStatus; readonly by: string }> {
    requireUse(client, repository);
    const by = await this.#registry.approve(repository, hash, signature, { signal });
    return { status: await this.#registry.status(repository, hash, { signal }), by };
  }

  /**
   * By the signature of an approver, or without one by a client that may remove.
   * @throws SERVER_APPEND_ONLY, SERVER_ROLE without a signature, and what `PlanRegistry.cancel` throws
   */
  async cancel(
    client: Client,
    repository: string,
    hash: string,
    signature: string,
    { signal }: CallOptions,
  ): Promise<{ readonly status: PlanStatus; readonly by: string | undefined }> {
    requireUse(client, repository);
    if (signature === "" && !mayRemoveForeignLocks(client.role)) requireRight(client.role, "remove", "snapshot");
    const by = signature === "" ? undefined : await this.#registry.cancellerOf(hash, signature, { signal });
    await this.#registry.cancel(repository, hash, by ?? `client ${client.name}`, { signal });
    return { status: await this.#registry.status(repository, hash, { signal }), by };
  }

  async #found(
    client: Client,
    repository: string,
    type: FileType,
    names: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<PlannedFile[]> {
    const found: PlannedFile[] = [];
    if (names.size <= FEW_FILES || type === "config") {
      for (const name of names) {
        const key = { repository, type, name };
        const { sizeBytes } = await this.#service.stat(client, key, { signal }).catch((error: unknown) => {
          if (!isHoldfastError(error, "SERVER_NO_FILE")) throw error;
          throw serverError("SERVER_PLAN_FILE", { type, count: 1 }, error);
        });
        found.push({ type, name, sizeBytes });
      }
      return found;
    }
    for await (const files of this.#service.list(client, repository, type, { signal })) {
      for (const { name, sizeBytes } of files) if (names.has(name)) found.push({ type, name, sizeBytes });
    }
    if (found.length !== names.size) throw serverError("SERVER_PLAN_FILE", { type, count: names.size - found.length });
    return found;
  }
}
