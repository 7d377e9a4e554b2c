/**
 * A repository in memory, and beside it the model: which snapshots there are and what they hold. Whatever is done to the
 * repository, `expectTrue` says whether it is still as the model has it.
 */
import { MemoryBackend } from "@holdfast/storage/testing";
import { expect } from "vitest";
import { addHold, listHolds, releaseHold } from "../../src/forget/holds.ts";
import type { Id } from "../../src/format/id.ts";
import { decodeSnapshot } from "../../src/format/snapshot.ts";
import { BlobReader } from "../../src/repository/blob-reader.ts";
import { loadIndex } from "../../src/repository/load-index.ts";
import { removeLocks } from "../../src/repository/locks.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { TreeReader } from "../../src/repository/tree-reader.ts";
import { type Content, contentOfTree, namesOf, through } from "../backup-lab.ts";
import { newRepository, signal } from "../made-repository.ts";
import { TimedBackend } from "./prune-lab.ts";
import type { Random } from "./random.ts";
import type { Files } from "./source.ts";

export const DAY_MS = 86_400_000;
export const GRACE_MS = 7 * DAY_MS;

/** What a step may do to the snapshots; all others must stay as they are. */
export interface Allowed {
  /** Contents of snapshots that may appear. */
  readonly appear?: readonly Content[];
  /** Snapshots that may be forgotten, or brought back. */
  readonly move?: ReadonlySet<Id>;
  /** Snapshots, live or forgotten, that may vanish. */
  readonly vanish?: ReadonlySet<Id>;
}

export class World {
  readonly memory = new MemoryBackend();
  readonly timed: TimedBackend;
  readonly repository: Repository;
  readonly live = new Map<Id, Content>();
  readonly forgotten = new Map<Id, Content>();
  readonly held = new Set<Id>();
  files: Files = new Map();

  constructor(startMs: number, version: 1 | 2) {
    this.timed = new TimedBackend(this.memory, startMs);
    this.repository = through(newRepository(version), this.timed);
  }

  get nowMs(): number {
    return this.timed.nowMs;
  }

  /** Forgotten snapshots that a prune may give up now. */
  async expired(): Promise<Set<Id>> {
    const expired = new Set<Id>();
    for await (const { id, receivedAtMs = 0 } of this.repository.files("forgotten", { signal })) {
      if (this.nowMs - receivedAtMs >= GRACE_MS && !this.held.has(id)) expired.add(id);
    }
    return expired;
  }

  async hold(id: Id): Promise<void> {
    const createdAtMs = this.nowMs;
    await addHold(
      this.repository,
      { selector: { ids: [id] }, reason: "test", owner: "ann", reviewOn: "2030-01-01", createdAtMs },
      { signal },
    );
    this.held.add(id);
  }

  async releaseAll(): Promise<void> {
    for (const { id } of await listHolds(this.repository, { signal }))
      await releaseHold(this.repository, id, { signal });
    this.held.clear();
  }

  /** What `unlock` does after a run was killed. */
  async unlock(): Promise<void> {
    await removeLocks(this.repository, { all: true, signal });
  }

  /** Takes over what a step did, if it was allowed to; then reads everything that must be there. */
  async expectTrue(allowed: Allowed, what: string): Promise<void> {
    const live = new Set((await namesOf(this.memory, "snapshot")) as Id[]);
    // One that is in both places is a snapshot.
    const forgotten = new Set(((await namesOf(this.memory, "forgotten")) as Id[]).filter((id) => !live.has(id)));
    const contents = await this.#read([...live], [...forgotten], what);
    for (const [id, content] of [...this.live, ...this.forgotten]) {
      const wasLive = this.live.has(id);
      const isLive = live.has(id);
      const isThere = isLive || forgotten.has(id);
      if (!isThere) expect(allowed.vanish?.has(id), `${what}: snapshot ${id} is gone`).toBe(true);
      else if (isLive !== wasLive) expect(allowed.move?.has(id), `${what}: snapshot ${id} has moved`).toBe(true);
      if (isThere) expect(contents.get(id), `${what}: content of ${id}`).toEqual(content);
    }
    for (const id of [...live, ...forgotten]) {
      if (this.live.has(id) || this.forgotten.has(id)) continue;
      expect(allowed.appear ?? [], `${what}: a snapshot ${id} appeared`).toContainEqual(contents.get(id));
    }
    this.live.clear();
    this.forgotten.clear();
    for (const id of live) this.live.set(id, contents.get(id) as Content);
    for (const id of forgotten) this.forgotten.set(id, contents.get(id) as Content);
  }

  /** What these snapshots hold, every blob read. */
  async #read(live: readonly Id[], forgotten: readonly Id[], what: string): Promise<Map<Id, Content>> {
    const index = await loadIndex(this.repository, { signal });
    const blobs = new BlobReader(this.repository, index);
    const trees = new TreeReader(blobs);
    const contents = new Map<Id, Content>();
    const read = async (type: "snapshot" | "forgotten", id: Id): Promise<void> => {
      const { tree, paths } = decodeSnapshot(await this.repository.loadDocument(type, id, { signal }));
      const [source = "/"] = paths;
      try {
        contents.set(id, await contentOfTree(blobs, trees, tree, source === "/" ? "" : source));
      } catch (error) {
        throw new Error(`${what}: ${type} ${id} cannot be restored`, { cause: error });
      }
    };
    for (const id of live) await read("snapshot", id);
    for (const id of forgotten) await read("forgotten", id);
    return contents;
  }
}

/** One of the ids, if there is any. */
export function anyOf(ids: Iterable<Id>, random: Random): Id | undefined {
  const all = [...ids];
  return all.length === 0 ? undefined : random.pick(all);
}
