import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { isHoldfastError, Secret } from "@holdfast/base";
import { type Backend, ForwardingBackend, bytesSource, composeBackend, storageError } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { encodeLockFile } from "../format/lock-file.ts";
import { formatGoTime } from "../format/go-time.ts";
import { createRepository } from "./create.ts";
import { listLocks, removeLocks, withLock, withLockAhead } from "./locks.ts";
import { Repository } from "./repository.ts";

const { signal } = new AbortController();
const owner = { hostname: "box", username: "ann", kdf: { N: 2, r: 1, p: 1 } };

function repository(): Promise<Repository> {
  return createRepository(new MemoryBackend(), new Secret("test"), { signal, ...owner });
}

/** A lock as another program would leave it. */
async function plant(
  repo: Repository,
  lock: { ageMinutes?: number; host?: string; pid?: number; exclusive?: boolean },
): Promise<void> {
  const timeNs = BigInt(Date.now() - (lock.ageMinutes ?? 0) * 60_000) * 1_000_000n;
  const file = {
    time: formatGoTime(timeNs),
    timeNs,
    exclusive: lock.exclusive ?? true,
    hostname: lock.host ?? "elsewhere",
    username: "bob",
    pid: lock.pid ?? 4242,
    uid: 1000,
    gid: 1000,
  };
  await repo.saveDocument("lock", encodeLockFile(file), { signal });
}

const locked = expect.toSatisfy((error: unknown) => isHoldfastError(error, "ENGINE_LOCKED"));

describe("locks", () => {
  test("shared locks live together, and are gone afterwards", async () => {
    const repo = await repository();
    const inside = await withLock(repo, { exclusive: false, signal }, () =>
      withLock(repo, { exclusive: false, signal }, () => listLocks(repo, { signal })),
    );
    expect(inside).toHaveLength(2);
    expect(await listLocks(repo, { signal })).toEqual([]);
  });

  test("where others see what is written only after a while, that while is waited for", async () => {
    /** Shows new locks to `list` only after 50 ms, as a network file system may. */
    class Late extends MemoryBackend {
      override readonly capabilities = { ...new MemoryBackend().capabilities, settleMs: 120 };
      readonly #savedAt = new Map<string, number>();
      override async save(...[key, body, options]: Parameters<MemoryBackend["save"]>): Promise<void> {
        await super.save(key, body, options);
        this.#savedAt.set(key.name, performance.now());
      }
      override async *list(...[type, options]: Parameters<MemoryBackend["list"]>): ReturnType<MemoryBackend["list"]> {
        for await (const file of super.list(type, options)) {
          if (performance.now() - (this.#savedAt.get(file.name) ?? 0) > 50) yield file;
        }
      }
    }
    const repo = await createRepository(new Late(), new Secret("test"), { signal, ...owner });
    let together = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++together);
      await new Promise((resolve) => setTimeout(resolve, 200));
      together--;
    };
    await Promise.allSettled(Array.from({ length: 4 }, () => withLock(repo, { exclusive: true, signal }, work)));
    expect(most).toBeLessThanOrEqual(1);
  });

  test("an exclusive lock stands alone", async () => {
    const repo = await repository();
    await withLock(repo, { exclusive: true, signal }, async () => {
      await expect(withLock(repo, { exclusive: false, signal }, () => Promise.resolve())).rejects.toEqual(locked);
    });
    await withLock(repo, { exclusive: false, signal }, async () => {
      await expect(withLock(repo, { exclusive: true, signal }, () => Promise.resolve())).rejects.toEqual(locked);
    });
    expect(await listLocks(repo, { signal })).toEqual([]);
  });

  test.for([
    ["older than 30 minutes", { ageMinutes: 31 }],
    ["of a process of this host that is gone", { host: hostname(), pid: 2 ** 22 + 1 }],
  ] as const)("one %s is stale and stops nobody", async ([, lock]) => {
    const repo = await repository();
    await plant(repo, lock);
    expect(await listLocks(repo, { signal })).toMatchObject([{ stale: true }]);
    await withLock(repo, { exclusive: false, signal }, () => Promise.resolve());
    expect(await listLocks(repo, { signal })).toHaveLength(1);
    // Its holder may come back: that somebody was alone here meanwhile is seen by its being gone.
    await withLock(repo, { exclusive: true, signal }, async () => {
      expect(await listLocks(repo, { signal })).toHaveLength(1);
    });
    expect(await removeLocks(repo, { all: false, signal })).toBe(0);
  });

  test("a young lock of another host, or of a living process of this one, is respected", async () => {
    for (const lock of [{ ageMinutes: 29 }, { host: hostname(), pid: process.pid }]) {
      const repo = await repository();
      await plant(repo, lock);
      await expect(withLock(repo, { exclusive: false, signal }, () => Promise.resolve())).rejects.toEqual(locked);
      expect(await removeLocks(repo, { all: false, signal })).toBe(0);
      expect(await removeLocks(repo, { all: true, signal })).toBe(1);
    }
  });

  test("one that cannot be read may be anybody's: it is respected, and removed only with all others", async () => {
    const repo = await repository();
    await repo.backend.save({ type: "lock", name: "ab".repeat(32) }, bytesSource(Buffer.from("garbage")), { signal });
    const taken = withLock(repo, { exclusive: false, signal }, () => Promise.resolve());
    await expect(taken).rejects.toMatchObject({ code: "ENGINE_LOCK_UNREADABLE", kind: "locked" });
    expect(await removeLocks(repo, { all: false, signal })).toBe(0);
    expect(await removeLocks(repo, { all: true, signal })).toBe(1);
  });

  test("a retry gets the lock once the holder is done", async () => {
    const repo = await repository();
    let waited = 0;
    await withLock(repo, { exclusive: true, signal }, async () => {
      setTimeout(() => void removeLocks(repo, { all: true, signal }), 300);
      await withLock(repo, { exclusive: true, retryMs: 20_000, signal, onWaiting: () => waited++ }, () =>
        Promise.resolve(),
      );
    });
    expect(waited).toBeGreaterThan(0);
  });

  test("work that fails, and work that is aborted, leaves no lock", async () => {
    const repo = await repository();
    const controller = new AbortController();
    await expect(withLock(repo, { exclusive: true, signal }, () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    const work = withLock(repo, { exclusive: true, signal: controller.signal }, (inner) => {
      controller.abort(new Error("stop"));
      inner.throwIfAborted();
      return Promise.resolve();
    });
    await expect(work).rejects.toThrow("stop");
    expect(await listLocks(repo, { signal })).toEqual([]);
  });
});

describe("a lock where there was none a moment ago", () => {
  test("is written at once, and looked around from only then", async () => {
    const { calls, repo } = await recorded();
    await withLock(repo, { exclusive: true, wasFree: true, signal }, () => Promise.resolve());
    expect(calls).toEqual(["save lock", "list lock", "remove lock"]);
  });

  test.for([true, false])("is given up where another was faster (that one is exclusive: %s)", async (exclusive) => {
    const { calls, repo } = await recorded();
    await withLock(repo, { exclusive, signal }, async () => {
      calls.length = 0;
      const late = withLock(repo, { exclusive: true, wasFree: true, signal }, () => Promise.resolve());
      await expect(late).rejects.toEqual(locked);
      expect(calls).toEqual(["save lock", "list lock", "remove lock"]);
      expect(await listLocks(repo, { signal })).toHaveLength(1);
    });
  });

  test("is asked for in the usual way after that", async () => {
    const { calls, repo } = await recorded();
    await withLock(repo, { exclusive: true, signal }, async () => {
      calls.length = 0;
      setTimeout(() => void removeLocks(repo, { all: true, signal }), 300);
      await withLock(repo, { exclusive: true, wasFree: true, retryMs: 20_000, signal }, () => Promise.resolve());
      expect(calls.slice(0, 3)).toEqual(["save lock", "list lock", "remove lock"]);
      expect(calls.slice(-4)).toEqual(["list lock", "save lock", "list lock", "remove lock"]);
    });
  });

  test("two of many that come at once are never both alone", async () => {
    const repo = await repository();
    let [together, most] = [0, 0];
    const work = async (): Promise<void> => {
      most = Math.max(most, ++together);
      await new Promise((resolve) => setTimeout(resolve, 20));
      together--;
    };
    await Promise.allSettled(
      Array.from({ length: 8 }, () => withLock(repo, { exclusive: true, wasFree: true, signal }, work)),
    );
    expect(most).toBeLessThanOrEqual(1);
    expect(await listLocks(repo, { signal })).toEqual([]);
  });
});

describe("work that begins while its lock is being taken", () => {
  test("is told when it is held", async () => {
    const { calls, repo } = await recorded();
    await withLockAhead(repo, { exclusive: false, signal }, async (_, held) => {
      expect(calls).not.toContain("save lock");
      await held;
      expect(await listLocks(repo, { signal })).toHaveLength(1);
    });
    expect(await listLocks(repo, { signal })).toEqual([]);
  });

  test("is ended when there will be none, for that reason, and waited for", async () => {
    const repo = await repository();
    await withLock(repo, { exclusive: true, signal }, async () => {
      let hasEnded = false;
      const early = withLockAhead(repo, { exclusive: false, signal }, async (inner, held) => {
        await expect(held).rejects.toEqual(locked);
        expect(inner.aborted).toBe(true);
        await new Promise((resolve) => setTimeout(resolve, 20));
        hasEnded = true;
        throw new Error("what that led to");
      });
      await expect(early).rejects.toEqual(locked);
      expect(hasEnded).toBe(true);
    });
  });

  test("that fails, ends or is aborted before leaves no lock", async () => {
    const repo = await repository();
    const failing = withLockAhead(repo, { exclusive: true, signal }, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await withLockAhead(repo, { exclusive: true, signal }, () => Promise.resolve(5))).toBe(5);
    const controller = new AbortController();
    const aborted = withLockAhead(repo, { exclusive: true, signal: controller.signal }, async (_, held) => {
      controller.abort(new Error("stop"));
      await held;
    });
    await expect(aborted).rejects.toThrow("stop");
    expect(await listLocks(repo, { signal })).toEqual([]);
  });
});

/** A repository whose calls about locks are written down, in the order in which they begin. */
async function recorded(): Promise<{ repo: Repository; calls: string[] }> {
  const calls: string[] = [];
  class Recording extends ForwardingBackend {
    override save(...args: Parameters<Backend["save"]>): Promise<void> {
      calls.push(`save ${args[0].type}`);
      return super.save(...args);
    }
    override remove(...args: Parameters<Backend["remove"]>): Promise<void> {
      calls.push(`remove ${args[0].type}`);
      return super.remove(...args);
    }
    override list(...args: Parameters<Backend["list"]>): ReturnType<Backend["list"]> {
      calls.push(`list ${args[0]}`);
      return super.list(...args);
    }
  }
  const { config, masterKey, keyId, backend } = await repository();
  return { calls, repo: new Repository({ backend: new Recording(backend), config, masterKey, keyId }) };
}

/** A way to a store that can be cut. */
class Way extends ForwardingBackend {
  isCut = false;
  override save(...args: Parameters<Backend["save"]>): Promise<void> {
    return this.#reach(() => super.save(...args));
  }
  override stat(...args: Parameters<Backend["stat"]>): ReturnType<Backend["stat"]> {
    return this.#reach(() => super.stat(...args));
  }
  override remove(...args: Parameters<Backend["remove"]>): Promise<void> {
    return this.#reach(() => super.remove(...args));
  }
  override async *list(...args: Parameters<Backend["list"]>): ReturnType<Backend["list"]> {
    await this.#reach(async () => {});
    yield* super.list(...args);
  }
  #reach<T>(call: () => Promise<T>): Promise<T> {
    if (this.isCut) return Promise.reject(storageError("STORAGE_UNAVAILABLE", { location: "x", reason: "cut" }));
    return call();
  }
}

describe("an outage that is longer than a lock lives", () => {
  const times = { refreshMs: 40, giveUpMs: 150, staleMs: 300 };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  async function setup() {
    const direct = await repository();
    const way = new Way(direct.backend);
    const composed = composeBackend(way, { retry: { initialDelayMs: 5, maxDelayMs: 20, maxElapsedMs: 20_000 } });
    const { config, masterKey, keyId } = direct;
    return { way, direct, repo: new Repository({ backend: composed, config, masterKey, keyId }) };
  }

  const write = (repo: Repository, inner: AbortSignal, text: string) =>
    repo.backend.save({ type: "index", name: Buffer.from(text).toString("hex").padEnd(64, "0") }, bytesSource(), {
      signal: inner,
    });

  test("is survived by a shared lock that is still there, and work goes on only then", async () => {
    const { way, direct, repo } = await setup();
    let writtenAfterMs = 0;
    await withLock(repo, { exclusive: false, signal, times }, async (inner) => {
      way.isCut = true;
      const startedAt = performance.now();
      const writing = write(repo, inner, "a").then(() => (writtenAfterMs = performance.now() - startedAt));
      setTimeout(() => (way.isCut = false), 500);
      await writing;
      const [lock, ...others] = await listLocks(direct, { signal });
      expect(others).toEqual([]);
      expect(Date.now() - Number((lock?.timeNs ?? 0n) / 1_000_000n)).toBeLessThan(times.giveUpMs);
      // And is refreshed as before from then on.
      await pause(200);
      expect((await listLocks(direct, { signal }))[0]?.id).not.toBe(lock?.id);
    });
    expect(writtenAfterMs).toBeGreaterThan(490);
    expect(await listLocks(direct, { signal })).toEqual([]);
  });

  test("ends the run when somebody was alone there meanwhile, and nothing more is written", async () => {
    const { way, direct, repo } = await setup();
    const outcome = withLock(repo, { exclusive: false, signal, times }, async (inner) => {
      way.isCut = true;
      const writing = write(repo, inner, "b");
      await pause(400);
      // Another machine, whose way to the store is not cut, takes the lock for stale.
      expect(await listLocks(direct, { signal })).toHaveLength(1);
      await withLock(direct, { exclusive: true, signal, times }, () => pause(20));
      way.isCut = false;
      await writing;
    });
    await expect(outcome).rejects.toMatchObject({ code: "ENGINE_LOCK_LOST" });
    expect(await Array.fromAsync(direct.backend.list("index", { signal }))).toEqual([]);
    expect(await listLocks(direct, { signal })).toEqual([]);
  });

  test("ends a run whose lock is exclusive", async () => {
    const { way, repo } = await setup();
    const outcome = withLock(repo, { exclusive: true, signal, times }, async (inner) => {
      way.isCut = true;
      await write(repo, inner, "c");
    });
    await expect(outcome).rejects.toMatchObject({ code: "ENGINE_LOCK_LOST" });
    way.isCut = false;
  }, 20_000);

  test("can be interrupted", async () => {
    const { way, repo } = await setup();
    const aborter = new AbortController();
    const outcome = withLock(repo, { exclusive: false, signal: aborter.signal, times }, async (inner) => {
      way.isCut = true;
      setTimeout(() => aborter.abort(new Error("stop")), 300);
      await write(repo, inner, "d");
    });
    await expect(outcome).rejects.toThrow("stop");
  }, 20_000);
});
