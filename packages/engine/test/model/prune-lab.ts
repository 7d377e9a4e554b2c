/** What tests of pruning share: snapshots of small files, a reader of all snapshots, and backends that misbehave. */
import {
  type ByteSource,
  type FileInfo,
  type FileKey,
  type FileType,
  ForwardingBackend,
  storageError,
} from "@holdfast/storage";
import type { Backend, CallOptions, SaveOptions } from "@holdfast/storage";
import type { MemoryBackend } from "@holdfast/storage/testing";
import type { Id } from "../../src/format/id.ts";
import { executePrune, type PruneResult } from "../../src/prune/execute.ts";
import type { PruneOptions } from "../../src/prune/options.ts";
import { planPrune, type PrunePlan } from "../../src/prune/plan.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { type Content, contentOfSnapshot } from "../backup-lab.ts";
import { Author, node, signal } from "../made-repository.ts";

export type Files = Readonly<Record<string, Uint8Array | string>>;

/** Stores a snapshot of these files in a folder `sub`, each of one piece, in packs of its own: one for data and one for trees. */
export async function store(repository: Repository, files: Files): Promise<Id> {
  const author = new Author(repository);
  const nodes = [];
  for (const name of Object.keys(files).sort()) nodes.push(await author.file(name, [files[name] ?? ""]));
  const tree = await author.tree([await author.folder("sub", nodes), node("zero")]);
  await author.finish();
  return author.snapshot(tree);
}

/** A plan in which forgotten snapshots are given up at once, made without threads. */
export function plan(repository: Repository, options: Partial<PruneOptions> = {}): Promise<PrunePlan> {
  return planPrune(repository, { signal, graceMs: 0, workers: 0, unlistedGraceMs: 0, ...options });
}

export async function prune(
  repository: Repository,
  options: Partial<PruneOptions> = {},
): Promise<{ plan: PrunePlan; result: PruneResult }> {
  const made = await plan(repository, options);
  return { plan: made, result: await executePrune(repository, made, { signal: options.signal ?? signal }) };
}

/** What every snapshot holds, by its id; read blob by blob. */
export async function contentOfAll(repository: Repository): Promise<Record<Id, Content>> {
  const contents: Record<Id, Content> = {};
  for (const { id, snapshot } of await listSnapshots(repository, { signal })) {
    contents[id] = await contentOfSnapshot(repository, snapshot.tree, "");
  }
  return contents;
}

/** Fails every call from the given write (save or remove, from 1) on, before it does anything: as if the process were gone. */
export class DyingBackend extends ForwardingBackend {
  writes = 0;
  readonly #dieAt: number;

  constructor(inner: Backend, dieAt: number) {
    super(inner);
    this.#dieAt = dieAt;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    this.#write();
    return super.save(key, body, options);
  }

  override async remove(key: FileKey, options: CallOptions): Promise<void> {
    this.#write();
    return super.remove(key, options);
  }

  #write(): void {
    if (++this.writes >= this.#dieAt) throw new Error("the process is gone");
  }
}

/** A store of limited size. */
export class SmallBackend extends ForwardingBackend {
  readonly #memory: MemoryBackend;
  capacityBytes: number;

  /** @param memory what is measured; `inner` may lead to it through others */
  constructor(inner: Backend, memory: MemoryBackend, capacityBytes: number) {
    super(inner);
    this.#memory = memory;
    this.capacityBytes = capacityBytes;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    if (this.#memory.totalBytes + body.sizeBytes > this.capacityBytes) {
      throw storageError("STORAGE_FULL", { location: this.location });
    }
    return super.save(key, body, options);
  }
}

/** Knows when it received each file, by a clock that tests turn. */
export class TimedBackend extends ForwardingBackend {
  nowMs: number;
  readonly #times = new Map<string, number>();

  constructor(inner: Backend, nowMs: number) {
    super(inner);
    this.nowMs = nowMs;
  }

  override async save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    await super.save(key, body, options);
    this.#times.set(`${key.type}/${key.name}`, this.nowMs);
  }

  override async stat(key: FileKey, options: CallOptions): Promise<FileInfo | undefined> {
    const info = await super.stat(key, options);
    return info === undefined ? undefined : this.#timed(key.type, info);
  }

  override async *list(type: FileType, options: CallOptions): AsyncGenerator<FileInfo> {
    for await (const info of super.list(type, options)) yield this.#timed(type, info);
  }

  #timed(type: FileType, info: FileInfo): FileInfo {
    const receivedAtMs = this.#times.get(`${type}/${info.name}`);
    return receivedAtMs === undefined ? info : { ...info, receivedAtMs };
  }
}
