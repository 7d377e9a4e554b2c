/** Which decorators let a backend move files, and what they add to that. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Backend, MoveFiles } from "../backend.ts";
import { CacheFolder } from "../cache/cache-folder.ts";
import { composeBackend } from "../compose.ts";
import { storageError } from "../errors.ts";
import { LocalBackend } from "../local/local-backend.ts";
import { MemoryBackend } from "../memory/memory-backend.ts";
import { put, unaborted } from "../testing/conformance-subject.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { sampleFile } from "../testing/sample-files.ts";
import { FaultyBackend } from "./faulty.ts";
import { scriptedFaults } from "./faults.ts";
import { ForwardingBackend } from "./forwarding.ts";
import { RetryBackend } from "./retry.ts";

const FILE = sampleFile("snapshot", 500);
const { name } = FILE.key;
let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-moving-"));
});

afterEach(() => rm(root, { recursive: true }));

describe("moving through decorators", () => {
  test("works through all of them, and leaves no copy in the cache", async () => {
    const local = new LocalBackend(join(root, "repository"));
    await local.initialize(unaborted());
    const folder = await CacheFolder.open(join(root, "cache"), "5c".repeat(32));
    const cache = { folder, cachePack: () => false, onProblem: () => {} };
    const backend = composeBackend(local, { cache, uploadBytesPerSecond: 1e9 });
    await put(backend, FILE);
    expect(folder.verifiedSize({ type: "snapshot", name })).toBeDefined();
    expect(await backend.move?.("snapshot", "forgotten", [name], unaborted())).toEqual([]);
    expect(folder.verifiedSize({ type: "snapshot", name })).toBeUndefined();
    expect(await local.stat({ type: "forgotten", name }, unaborted())).toBeDefined();
  });

  test("is not there where the backend cannot, or may not", () => {
    const local = new LocalBackend(root);
    expect(composeBackend(new MemoryBackend()).move).toBeUndefined();
    expect(composeBackend(local, { access: "read-only" }).move).toBeUndefined();
    expect(composeBackend(local, { access: "append-only" }).move).toBeUndefined();
    // Its faults would be passed by.
    const faulty: Backend = new FaultyBackend(local, scriptedFaults([]));
    expect(faulty.move).toBeUndefined();
  });

  test("is repeated after a failure that may pass, and tells each file once", async () => {
    let calls = 0;
    const told: string[] = [];
    class Failing extends ForwardingBackend {
      readonly move: MoveFiles = async (_from, _to, names, { onMoved }) => {
        for (const each of names.slice(0, ++calls)) onMoved?.(each);
        if (calls < 3) throw storageError("STORAGE_UNAVAILABLE", { location: "", path: "", reason: "planned" });
        return [];
      };
    }
    const backend = new RetryBackend(new Failing(new MemoryBackend()), { clock: new FakeClock() });
    const onMoved = (each: string): void => void told.push(each);
    expect(await backend.move?.("snapshot", "forgotten", ["a", "b", "c"], { ...unaborted(), onMoved })).toEqual([]);
    expect(told).toEqual(["a", "b", "c"]);
  });
});
