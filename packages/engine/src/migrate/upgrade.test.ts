import { isHoldfastError, Secret } from "@holdfast/base";
import {
  type Backend,
  bytesSource,
  type ByteSource,
  type Capabilities,
  type Fault,
  FaultyBackend,
  type FileKey,
  ForwardingBackend,
  loadBytes,
  type SaveOptions,
} from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { beforeAll, describe, expect, test } from "vitest";
import {
  backUp,
  CHEAP_KDF,
  check,
  contentOfFolder,
  contentOfLatest,
  copyOf,
  NEVER,
  noise,
  RecordingBackend,
  scratchFolder,
  storedBlobs,
  through,
  writeFiles,
} from "../../test/backup-lab.ts";
import { packsWith } from "../../test/damaged/good.ts";
import { executePrune } from "../prune/execute.ts";
import { planPrune } from "../prune/plan.ts";
import { createRepository } from "../repository/create.ts";
import { loadIndex } from "../repository/load-index.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { availableMigrations } from "./migrations.ts";
import { restoreConfig, upgradeToVersion2, type UpgradeOptions } from "./upgrade.ts";

const PASSWORD = new Secret("lab");
const CONFIG = { type: "config", name: "" } as const;
const failsWith = (code: string): unknown => expect.toSatisfy((error: unknown) => isHoldfastError(error, code));
const folder = scratchFolder();
let first: Repository;

beforeAll(async () => {
  writeFiles(folder, { text: "word ".repeat(50_000), noise: noise(40_000, 1), "deep/er": "x" });
  first = await createRepository(new MemoryBackend(), PASSWORD, {
    signal: NEVER,
    hostname: "lab",
    username: "tester",
    kdf: CHEAP_KDF,
    version: 1,
  });
  await backUp(first, [folder]);
});

/** Cannot replace a file: a name that is taken is refused, as some stores do. */
class StepwiseBackend extends ForwardingBackend {
  override get capabilities(): Capabilities {
    return { ...super.capabilities, atomicReplace: false };
  }

  override save(key: FileKey, body: ByteSource, options: SaveOptions): Promise<void> {
    return super.save(key, body, { ...options, ifAbsent: true });
  }
}

interface Site {
  readonly backend: Backend;
  readonly repository: Repository;
}

async function site(wrap: (backend: Backend) => Backend): Promise<Site> {
  const backend = wrap(await copyOf(first.backend));
  return { backend, repository: through(first, backend) };
}

const atOnce = (backend: Backend): Backend => backend;
const inSteps = (backend: Backend): Backend => new StepwiseBackend(backend);

function upgrade(repository: Repository, options: Partial<UpgradeOptions> = {}): Promise<void> {
  const keepCopy = (): Promise<string> => Promise.reject(new Error("no copy is needed here"));
  return upgradeToVersion2(repository, { signal: NEVER, keepCopy, ...options });
}

const open = (backend: Backend): Promise<Repository> => openRepository(backend, PASSWORD, { signal: NEVER });

function configOf(backend: Backend): Promise<Uint8Array> {
  return loadBytes(backend, CONFIG, undefined, { signal: NEVER });
}

describe("an upgrade to version 2", () => {
  test("is offered to repositories of version 1 only", () => {
    expect(availableMigrations(first.config).map(({ name }) => name)).toEqual(["upgrade_repo_v2"]);
    expect(availableMigrations({ ...first.config, version: 2 })).toEqual([]);
  });

  test("changes nothing but the config, and keeps id, polynomial and everything stored", async () => {
    const { backend } = await site(atOnce);
    const recording = new RecordingBackend(backend);
    await upgrade(through(first, recording));
    expect(recording.saves).toEqual([CONFIG]);
    expect(recording.removes).toEqual([]);
    const upgraded = await open(backend);
    expect(upgraded.config).toEqual({ ...first.config, version: 2 });
    expect(await contentOfLatest(upgraded, folder)).toEqual(contentOfFolder(folder));
    expect((await check(upgraded)).findings).toEqual([]);
  });

  test("after it new data is compressed, and a prune compresses the old", async () => {
    const { backend, repository } = await site(atOnce);
    await upgrade(repository);
    const upgraded = await open(backend);
    writeFiles(folder, { "more/text": "other ".repeat(50_000) });
    const { counts } = await backUp(upgraded, [folder]);
    expect(counts.dataAddedPacked).toBeLessThan(counts.dataAdded / 10);
    expect(await uncompressed(upgraded)).toBeGreaterThan(0);

    const plan = await planPrune(upgraded, { signal: NEVER, repackUncompressed: true });
    await executePrune(upgraded, plan, { signal: NEVER });
    expect(await uncompressed(upgraded)).toBe(0);
    expect(await contentOfLatest(upgraded, folder)).toEqual(contentOfFolder(folder));
    expect((await check(upgraded)).findings).toEqual([]);
  });

  test("is refused for a repository of version 2", async () => {
    const { backend, repository } = await site(atOnce);
    await upgrade(repository);
    await expect(upgrade(await open(backend))).rejects.toEqual(failsWith("ENGINE_MIGRATION_NOT_POSSIBLE"));
  });

  test("is refused for a damaged repository, which stays as it is", async () => {
    const { backend, repository } = await site(atOnce);
    const [pack = ""] = await packsWith(repository, "data");
    await backend.remove({ type: "pack", name: pack }, { signal: NEVER });
    const before = await configOf(backend);
    const findings: string[] = [];
    const run = upgrade(repository, { onFinding: ({ code }) => void findings.push(code) });
    await expect(run).rejects.toEqual(failsWith("ENGINE_MIGRATION_DAMAGED"));
    expect(findings).toContain("pack-missing");
    expect(await configOf(backend)).toEqual(before);
  });

  test("that is aborted while it checks changes nothing", async () => {
    const { backend, repository } = await site(atOnce);
    const before = await configOf(backend);
    const stop = new AbortController();
    const run = upgrade(repository, { signal: stop.signal, onCheck: () => stop.abort(new Error("enough")) });
    await expect(run).rejects.toThrow("enough");
    expect(await configOf(backend)).toEqual(before);
  });
});

/** Blobs that are stored without compression. */
async function uncompressed(repository: Repository): Promise<number> {
  const index = await loadIndex(repository, { signal: NEVER });
  expect((await storedBlobs(repository)).length).toBe(index.count);
  let count = 0;
  for (let entry = 0; entry < index.count; entry++) {
    if (index.locationAt(entry)?.uncompressedBytes === 0) count++;
  }
  return count;
}

describe.for([
  ["a store that replaces files in one step", atOnce],
  ["a store that does not", inSteps],
] as const)("cut off in %s", ([, wrap]) => {
  /** From the n-th call on that changes something, nothing goes through any more: the process was killed. */
  class Killed {
    #changes = 0;
    isCut = false;
    readonly #at: number;
    readonly #when: "before" | "after";

    constructor(at: number, when: "before" | "after") {
      this.#at = at;
      this.#when = when;
    }

    next(operation: string): Fault | undefined {
      if (this.isCut) return { kind: "fail", when: "before" };
      if (operation !== "save" && operation !== "remove") return undefined;
      if (++this.#changes < this.#at) return undefined;
      this.isCut = true;
      return { kind: "fail", when: this.#when };
    }
  }

  test.for(["before", "after"] as const)("%s any write, it opens or can be put back from the copy", async (when) => {
    for (let at = 1; ; at++) {
      const { backend } = await site(wrap);
      const plan = new Killed(at, when);
      let copy: Uint8Array | undefined;
      const keepCopy = (bytes: Uint8Array): Promise<string> => {
        copy = bytes;
        return Promise.resolve("the copy");
      };
      const failure: unknown = await upgrade(through(first, new FaultyBackend(backend, plan)), { keepCopy }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!plan.isCut) {
        expect(failure).toBeUndefined();
        expect(at).toBe(wrap === atOnce ? 2 : 3);
        expect(copy === undefined).toBe(wrap === atOnce);
        return;
      }
      expect(failure).toEqual(failsWith("ENGINE_CONFIG_NOT_REPLACED"));
      const isThere = (await backend.stat(CONFIG, { signal: NEVER })) !== undefined;
      expect(isThere || wrap === inSteps, "a config that is replaced in one step is never missing").toBe(true);
      if (!isThere) {
        expect(String(failure)).toContain("the copy");
        await restoreConfig(backend, PASSWORD, copy as Uint8Array, { signal: NEVER });
      }
      const opened = await open(backend);
      expect((await check(opened)).healthy).toBe(true);
      if (opened.config.version === 1) await upgrade(opened, { keepCopy });
      expect((await open(backend)).config).toEqual({ ...first.config, version: 2 });
    }
  });
});

describe("a failure that is no kill", () => {
  test.for<[string, "save" | "remove", Fault]>([
    ["a removal that is refused", "remove", { kind: "fail", when: "before" }],
    ["a removal whose answer is lost", "remove", { kind: "fail", when: "after" }],
    ["a write that fails", "save", { kind: "fail", when: "before" }],
    ["a write that fails half-way", "save", { kind: "fail", when: "middle" }],
    ["a write that was only claimed", "save", { kind: "lie" }],
    ["a write with a wrong bit", "save", { kind: "flip", bit: 300 }],
    ["a write that was cut", "save", { kind: "truncate", keepBytes: 20 }],
  ])("%s: the old config is put back at once", async ([, operation, fault]) => {
    for (const wrap of [atOnce, inSteps]) {
      if (wrap === atOnce && operation === "remove") continue;
      const { backend } = await site(wrap);
      const before = await configOf(backend);
      let calls = 0;
      const next = (call: string): Fault | undefined => (call === operation && ++calls === 1 ? fault : undefined);
      const repository = through(first, new FaultyBackend(backend, { next }));
      const run = upgrade(repository, { keepCopy: () => Promise.resolve("the copy") });
      await expect(run).rejects.toEqual(failsWith("ENGINE_CONFIG_NOT_REPLACED"));
      expect(await configOf(backend)).toEqual(before);
    }
  });

  test("a copy that cannot be kept ends it before anything is changed", async () => {
    const { backend, repository } = await site(inSteps);
    const recording = new RecordingBackend(backend);
    const keepCopy = (): Promise<string> => Promise.reject(new Error("no room for the copy"));
    await expect(upgrade(through(repository, recording), { keepCopy })).rejects.toThrow("no room for the copy");
    expect(recording.saves).toEqual([]);
    expect(recording.removes).toEqual([]);
  });
});

describe("putting a copy of the config back", () => {
  test("is refused where there is a config, for another repository's, and for a wrong password", async () => {
    const { backend } = await site(inSteps);
    const copy = await configOf(backend);
    const put = (bytes: Uint8Array, password = PASSWORD): Promise<unknown> =>
      restoreConfig(backend, password, bytes, { signal: NEVER });
    await expect(put(copy)).rejects.toEqual(failsWith("ENGINE_REPOSITORY_EXISTS"));
    await backend.remove(CONFIG, { signal: NEVER });
    const kdf = CHEAP_KDF;
    const options = { signal: NEVER, hostname: "lab", username: "tester", kdf };
    const other = await createRepository(new MemoryBackend(), PASSWORD, options);
    await expect(put(await configOf(other.backend))).rejects.toEqual(failsWith("ENGINE_CONFIG_BROKEN"));
    await expect(put(new Uint8Array(0))).rejects.toEqual(failsWith("ENGINE_CONFIG_BROKEN"));
    await expect(put(copy, new Secret("wrong"))).rejects.toEqual(failsWith("ENGINE_WRONG_PASSWORD"));
    expect(await backend.stat(CONFIG, { signal: NEVER })).toBeUndefined();
    await put(copy);
    expect((await open(backend)).config).toEqual(first.config);
  });

  test("is refused where the keys are of another repository", async () => {
    const { backend } = await site(atOnce);
    const copy = await configOf(backend);
    const empty = new MemoryBackend();
    await empty.save({ type: "snapshot", name: "ab".repeat(32) }, bytesSource(new Uint8Array(1)), { signal: NEVER });
    const run = restoreConfig(empty, PASSWORD, copy, { signal: NEVER });
    await expect(run).rejects.toEqual(failsWith("ENGINE_NO_KEY"));
  });
});
