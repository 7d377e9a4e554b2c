/**
 * What a repository's place lists while the repository is being opened: over a slow link that takes as long as finding and
 * deriving the key, so what is asked meanwhile costs no wait. Hints, as `listEarly` says.
 */
import { type Id, listEarly } from "@holdfast/engine";
import type { Backend } from "@holdfast/storage";

/** Names of files; `undefined` where they are not known, or too many. */
type Names = Promise<ReadonlySet<Id> | undefined>;

const NOT_ASKED: Names = Promise.resolve(undefined);

export interface EarlyListsOptions {
  readonly signal: AbortSignal;
  /** The run takes a lock. */
  readonly locks: boolean;
  /** What the run does with snapshots: reads data of theirs, or makes one, which takes less where nothing was stored yet. */
  readonly use: "reads" | "adds" | undefined;
}

/** More names are not kept. */
const MOST_SNAPSHOTS = 10_000;

export class EarlyLists {
  /** Those that were there. */
  readonly snapshots: Names;
  readonly #backend: Backend;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #asksForLocks: boolean;
  readonly #empty: Promise<boolean>;
  #locks = NOT_ASKED;

  constructor(backend: Backend, { signal, locks, use }: EarlyListsOptions) {
    this.#backend = backend;
    this.#signal = AbortSignal.any([signal, this.#closed.signal]);
    this.#asksForLocks = locks;
    this.snapshots = use === undefined ? NOT_ASKED : this.#list("snapshot", MOST_SNAPSHOTS);
    this.#empty = use === "adds" ? this.#areAllEmpty() : Promise.resolve(false);
  }

  /** There is a repository. Locks are not asked for sooner, so that what they say is as young as can be. */
  found(): void {
    if (this.#asksForLocks) this.#locks = this.#list("lock");
  }

  /** Whether there was no lock, not even a stale one. True once at most: a later lock has to look for itself. */
  async wasFree(): Promise<boolean> {
    const locks = this.#locks;
    this.#locks = NOT_ASKED;
    return (await locks)?.size === 0;
  }

  /** Whether there was no snapshot, no index and no pack. False when it is not known. */
  wasEmpty(): Promise<boolean> {
    return this.#empty;
  }

  /** Gives up what is still being asked, and waits for its end. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#locks, this.snapshots, this.#empty]);
  }

  async #areAllEmpty(): Promise<boolean> {
    const [snapshots, indexes] = await Promise.all([this.snapshots, this.#list("index")]);
    // Packs may be many, and nobody needs to know where there is an index.
    return snapshots?.size === 0 && indexes?.size === 0 && (await this.#list("pack"))?.size === 0;
  }

  #list(type: "lock" | "snapshot" | "index" | "pack", most = 0): Names {
    return listEarly(this.#backend, type, { signal: this.#signal, most });
  }
}
