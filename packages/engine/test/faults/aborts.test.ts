/** A run that is aborted at any call of the backend: it ends, leaves no lock, and what it has stored is recorded and reused. */
import { type CallOptions, FaultyBackend, type FileKey, ForwardingBackend } from "@holdfast/storage";
import { describe, expect, test, vi } from "vitest";
import { listLocks, withLock } from "../../src/repository/locks.ts";
import type { Repository } from "../../src/repository/repository.ts";
import { listSnapshots } from "../../src/repository/snapshots.ts";
import { givenStream } from "../../src/backup/given-entries.ts";
import { backUp, check, contentOfFolder, contentOfLatest, NEVER, storedBlobs, through } from "../backup-lab.ts";
import { actAtCall, oneFault } from "./one-fault.ts";
import { sampleForFaults } from "./sample.ts";

// Dozens of runs in one test.
vi.setConfig({ testTimeout: 240_000 });

const sample = sampleForFaults();

function lockedBackup(repository: Repository, signal: AbortSignal): Promise<unknown> {
  return withLock(repository, { exclusive: false, signal }, (inner) =>
    backUp(repository, [sample.folder], { signal: inner }),
  );
}

describe("an aborted run", () => {
  test("rejects with the signal's reason, leaves no lock, and its packs are listed and used", async () => {
    let reused = 0;
    for (let call = 1; ; call++) {
      const { repository, backend } = await sample.fresh();
      const interruption = new AbortController();
      const reason = new Error(`stopped at call ${call}`);
      const plan = actAtCall(call, () => interruption.abort(reason));
      const failure: unknown = await lockedBackup(
        through(repository, new FaultyBackend(backend, plan)),
        interruption.signal,
      ).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(await listLocks(repository, { signal: NEVER }), `call ${call}`).toEqual([]);
      const snapshots = await listSnapshots(repository, { signal: NEVER });
      if (!plan.fired) {
        expect(failure).toBeUndefined();
        expect(reused).toBeGreaterThan(2);
        return;
      }
      // Only the removal of the lock comes after the snapshot.
      if (failure === undefined) expect(snapshots, `call ${call}`).toHaveLength(2);
      else {
        expect(failure, `call ${call}`).toBe(reason);
        expect(snapshots).toHaveLength(1);
      }
      const { findings } = await check(repository);
      expect(findings, `call ${call}`).toEqual([]);
      const left = await storedBlobs(repository);
      await backUp(repository, [sample.folder]);
      const all = await storedBlobs(repository);
      expect(new Set(all).size, `call ${call}`).toBe(all.length);
      if (failure !== undefined && left.length > 10) reused++;
      expect(await contentOfLatest(repository, sample.folder)).toEqual(contentOfFolder(sample.folder));
    }
  });

  test("does not wait for a store that no longer answers", async () => {
    const { repository, backend } = await sample.fresh();
    const interruption = new AbortController();
    const silent = new SilentAfterPack(backend, () => interruption.abort(new Error("enough")));
    await expect(backUp(through(repository, silent), [sample.folder], { signal: interruption.signal })).rejects.toThrow(
      "enough",
    );
  });

  test("does not wait for a stream that is silent", async () => {
    const { repository } = await sample.fresh();
    const interruption = new AbortController();
    let closed = false;
    const input: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          setTimeout(() => interruption.abort(new Error("enough")), 50);
          return new Promise(() => {});
        },
        return: () => {
          closed = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const run = backUp(repository, [], { given: givenStream("dump", input), signal: interruption.signal });
    await expect(run).rejects.toThrow("enough");
    expect(closed).toBe(true);
  });
});

describe("a lock", () => {
  test.for(["before", "after"] as const)("whose removal fails (%s) does not hide the run's result", async (when) => {
    const { repository, backend } = await sample.fresh();
    const plan = oneFault({ operation: "remove", type: "lock", call: 1, fault: { kind: "fail", when } });
    await lockedBackup(through(repository, new FaultyBackend(backend, plan)), NEVER);
    expect(plan.fired).toBe(true);
    expect(await listSnapshots(repository, { signal: NEVER })).toHaveLength(2);
  });

  test("whose saving seems to have failed is removed all the same", async () => {
    const { repository, backend } = await sample.fresh();
    const plan = oneFault({ operation: "save", type: "lock", call: 1, fault: { kind: "fail", when: "after" } });
    await expect(lockedBackup(through(repository, new FaultyBackend(backend, plan)), NEVER)).rejects.toThrow(
      "a planned fault",
    );
    expect(await listLocks(repository, { signal: NEVER })).toEqual([]);
  });
});

/** Stops answering from the second pack on, whatever the signal says. */
class SilentAfterPack extends ForwardingBackend {
  readonly #onSilence: () => void;
  #packs = 0;

  constructor(inner: ForwardingBackend["inner"], onSilence: () => void) {
    super(inner);
    this.#onSilence = onSilence;
  }

  override save(key: FileKey, body: Parameters<ForwardingBackend["save"]>[1], options: CallOptions): Promise<void> {
    if (key.type === "pack" && ++this.#packs === 1) return super.save(key, body, options);
    this.#onSilence();
    return new Promise(() => {});
  }
}
