/** Every decorator, and their composition, keeps the contract of the backend. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend } from "../backend.ts";
import { CacheFolder } from "../cache/cache-folder.ts";
import { composeBackend } from "../compose.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { backendConformance } from "../testing/conformance.ts";
import type { ConformanceSubject } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { AppendOnlyBackend } from "./append-only.ts";
import { CacheBackend, type CacheOptions } from "./cache.ts";
import { ConcurrencyBackend } from "./concurrency.ts";
import { type FaultPlan, randomFaults, scriptedFaults } from "./faults.ts";
import { FaultyBackend } from "./faulty.ts";
import { RateLimitBackend } from "./rate-limit.ts";
import { ReadOnlyBackend } from "./read-only.ts";
import { RetryBackend } from "./retry.ts";

const REPOSITORY_ID = "5c".repeat(32);

function around(decorate: (inner: Backend) => Backend): () => Promise<ConformanceSubject> {
  return async () => {
    const writer = new MemoryBackend();
    return { backend: decorate(writer), writer };
  };
}

function aroundCached(
  decorate: (inner: Backend, cache: CacheOptions) => Backend,
  writes: "through the cache" | "behind the cache",
): () => Promise<ConformanceSubject> {
  return async () => {
    const root = await mkdtemp(join(tmpdir(), "holdfast-cache-"));
    const folder = await CacheFolder.open(root, REPOSITORY_ID);
    const inner = new MemoryBackend();
    const backend = decorate(inner, { folder, cachePack: () => true, onProblem: fail });
    const writer = writes === "through the cache" ? backend : inner;
    return { backend, writer, dispose: () => rm(root, { recursive: true }) };
  };
}

const QUIET: FaultPlan = scriptedFaults([]);

/** Any call may fail but `remove`: repeated, it rightly takes a missing file for its own work, which the suite forbids. */
function anyButRemove(seed: number, rate: number): FaultPlan {
  const plan = randomFaults({ seed, rate });
  return { next: (operation, type) => (operation === "remove" ? undefined : plan.next(operation, type)) };
}

function fail(error: unknown): never {
  throw error;
}

backendConformance(
  "ConcurrencyBackend",
  around((inner) => new ConcurrencyBackend(inner, 2)),
);
backendConformance(
  "ConcurrencyBackend of one call",
  around((inner) => new ConcurrencyBackend(inner, 1)),
);
backendConformance(
  "RetryBackend",
  around((inner) => new RetryBackend(inner)),
);
backendConformance(
  "RetryBackend over a store that fails a third of all calls",
  around((inner) => {
    const faulty = new FaultyBackend(inner, anyButRemove(7, 0.33));
    return new RetryBackend(faulty, { clock: new FakeClock() });
  }),
);
backendConformance(
  "RateLimitBackend",
  around((inner) => {
    const clock = new FakeClock();
    return new RateLimitBackend(inner, { uploadBytesPerSecond: 50_000, downloadBytesPerSecond: 80_000, clock });
  }),
);
backendConformance(
  "FaultyBackend without faults",
  around((inner) => new FaultyBackend(inner, QUIET)),
);
backendConformance(
  "AppendOnlyBackend",
  around((inner) => new AppendOnlyBackend(inner)),
  { access: "append-only" },
);
backendConformance(
  "ReadOnlyBackend",
  around((inner) => new ReadOnlyBackend(inner)),
  { access: "read-only" },
);
for (const writes of ["through the cache", "behind the cache"] as const) {
  backendConformance(
    `CacheBackend, written ${writes},`,
    aroundCached((inner, cache) => new CacheBackend(inner, cache), writes),
  );
}
for (const access of ["everything", "append-only"] as const) {
  const compose = (inner: Backend, cache: CacheOptions): Backend => {
    const faulty = new FaultyBackend(inner, anyButRemove(3, 0.2));
    const rates = { uploadBytesPerSecond: 1e12, downloadBytesPerSecond: 1e12 };
    return composeBackend(faulty, { cache, retry: { clock: new FakeClock() }, ...rates, access });
  };
  backendConformance(`composeBackend, access to ${access},`, aroundCached(compose, "behind the cache"), { access });
}
