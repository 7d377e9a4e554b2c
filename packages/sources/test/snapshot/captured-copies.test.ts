/** A capture of which several repositories have a copy, when some of them fail. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@holdfast/base";
import {
  Copy,
  type CopyChange,
  type Id,
  Repository,
  type Snapshot,
  createRepository,
  idToBytes,
  listSnapshots,
  loadIndex,
} from "@holdfast/engine";
import { type Fault, FaultyBackend, storageError } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CapturedTree } from "../../src/contract/captured-tree.ts";
import { filesKind } from "../../src/files/files-kind.ts";
import { type CaptureCopy, openCapturedCopies } from "../../src/snapshot/captured-copies.ts";
import { CapturedSnapshot } from "../../src/snapshot/captured-snapshot.ts";
import { SourceLab } from "../../src/testing/index.ts";

const signal = new AbortController().signal;
const identity = { kind: "files", name: "papers" };
const OUT_OF_REACH: Fault = { kind: "fail", when: "before" };

/** How a copy fails: how many packs can be read before, and what becomes of the others. */
interface Failing {
  readonly whole: number;
  readonly fault: Fault;
}

describe("a capture in several repositories", () => {
  let lab: SourceLab;
  let papers: string;
  let second: Repository;
  const large = randomBytes(24 * 1024 * 1024);
  /** Packs that were read, by the name of the copy. */
  const loads = new Map<string, number>();
  const changes: CopyChange[] = [];
  const damages: string[] = [];

  beforeAll(async () => {
    lab = await SourceLab.open();
    papers = join(lab.newFolder(), "papers");
    mkdirSync(join(papers, "inner"), { recursive: true });
    writeFileSync(join(papers, "large"), large);
    for (let n = 0; n < 40; n++) writeFileSync(join(papers, "inner", `f${n}`), randomBytes(20_000));
    const source = filesKind.open("papers", filesKind.settings.parse({ paths: [papers] }), lab.surroundings());
    await lab.capture(source, identity);
    second = await copied("second");
  });

  const copied = async (name: string): Promise<Repository> => {
    const owner = { hostname: "lab", username: "tester", kdf: { N: 2, r: 1, p: 1 } };
    const to = await createRepository(new MemoryBackend(name), new Secret("x"), { signal, ...owner });
    const snapshots = await listSnapshots(lab.repository, { signal });
    const packing = { packSizeBytes: 4 * 1024 * 1024, compression: "auto", workers: 1 } as const;
    const options = { from: lab.repository, to, snapshots, dryRun: false, signal, onEvent: () => {} };
    await new Copy({ ...packing, ...options }).run();
    return to;
  };

  /** In which pack each chunk of these files lies; the chunks in order. */
  const packsOf = async (repository: Repository, paths: readonly string[]): Promise<Map<Id, Id>> => {
    const [stored] = await listSnapshots(repository, { signal });
    const index = await loadIndex(repository, { signal });
    const captured = new CapturedSnapshot({ repository, index, snapshot: stored?.snapshot as Snapshot });
    const packs = new Map<Id, Id>();
    for (const path of paths) {
      for (const id of (await captured.find(path, { signal })).node?.content ?? []) {
        packs.set(id, index.packId(index.find("data", idToBytes(id), 0)?.pack as number));
      }
    }
    return packs;
  };

  afterAll(() => lab.remove());

  const copy = (location: string, repository: Repository, failing?: Failing): CaptureCopy => {
    let calls = 0;
    loads.set(location, 0);
    const plan = {
      next: (operation: string, type: string | undefined): Fault | undefined => {
        if (operation !== "load" || type !== "pack") return undefined;
        loads.set(location, (loads.get(location) ?? 0) + 1);
        return failing !== undefined && ++calls > failing.whole ? failing.fault : undefined;
      },
    };
    const { config, masterKey, keyId, backend } = repository;
    const through = new Repository({ backend: new FaultyBackend(backend, plan), config, masterKey, keyId });
    return {
      location,
      open: async () => {
        const [stored] = await listSnapshots(repository, { signal });
        if (stored === undefined) throw new Error("there is no snapshot");
        return { repository: through, index: await loadIndex(repository, { signal }), snapshot: stored.snapshot };
      },
    };
  };

  const open = (...copies: CaptureCopy[]): Promise<CapturedTree> => {
    changes.length = 0;
    damages.length = 0;
    return openCapturedCopies(copies, {
      signal,
      onChange: (change) => changes.push(change),
      onDamage: ({ location }) => damages.push(location),
    });
  };
  const told = (): string[] => changes.map(({ from, to }) => `${from} > ${to}`);
  const content = async (tree: CapturedTree, path: string): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(tree.read(path, { signal })));
  const inTree = (path: string): string => `root${papers}/${path}`;

  test("is read from the first as long as that is whole", async () => {
    const tree = await open(copy("first", lab.repository), copy("second", second));
    expect((await content(tree, inTree("large"))).equals(large)).toBe(true);
    expect([told(), loads.get("second")]).toEqual([[], 0]);
  });

  test("is opened from the second when the first cannot be opened", async () => {
    const reason = { location: "gone", path: "config", reason: "nobody answers" };
    const gone: CaptureCopy = {
      location: "gone",
      open: () => Promise.reject(storageError("STORAGE_UNAVAILABLE", reason)),
    };
    const tree = await open(gone, copy("second", second));
    expect(tree.facts).toMatchObject(identity);
    expect(told()).toEqual(["gone > second"]);
  });

  test("is read on from the second when the first fails in the middle of a file, and stays there", async () => {
    const tree = await open(copy("first", lab.repository, { whole: 5, fault: OUT_OF_REACH }), copy("second", second));
    expect((await content(tree, inTree("large"))).equals(large)).toBe(true);
    expect(told()).toEqual(["first > second"]);
    const before = loads.get("first");
    expect(await tree.list(inTree("inner"), { signal })).toHaveLength(40);
    expect(loads.get("first")).toBe(before);
  });

  test("does not read again what it has read when it goes over to another for what is damaged", async () => {
    const whole = await open(copy("second", second));
    await content(whole, inTree("large"));
    const ofWhole = loads.get("second") as number;
    const tree = await open(
      copy("first", lab.repository, { whole: 6, fault: { kind: "flip", bit: 100 } }),
      copy("second", second),
    );
    expect((await content(tree, inTree("large"))).equals(large)).toBe(true);
    expect(told()).toEqual(["first > second"]);
    expect(loads.get("second")).toBeLessThan(ofWhole);
  });

  test("goes back to the first where the second has lost something else", async () => {
    const [one, other] = [await copied("one"), await copied("other")];
    // Each has the chunks in packs of its own. The one loses the first, and what else lies in its pack; the other a pack of later ones.
    const needed = ["capture.json", inTree("large")];
    const [ofOne, ofOther] = [await packsOf(one, needed), await packsOf(other, needed)];
    const [, firstPack] = [...ofOne.values()] as [Id, Id];
    const lost = new Set([...ofOne].filter(([, pack]) => pack === firstPack).map(([chunk]) => chunk));
    const isKept = (pack: Id): boolean => [...ofOther].every(([chunk, each]) => each !== pack || !lost.has(chunk));
    const laterPack = [...ofOther.values()].findLast(isKept) as Id;
    await one.backend.remove({ type: "pack", name: firstPack }, { signal });
    await other.backend.remove({ type: "pack", name: laterPack }, { signal });
    const tree = await open(copy("one", one), copy("other", other));
    changes.length = 0;
    expect((await content(tree, inTree("large"))).equals(large)).toBe(true);
    expect(told().sort()).toEqual(["one > other", "other > one"]);
    const folder = lab.newFolder();
    await tree.extract(inTree("large"), folder, { signal });
    expect(readFileSync(join(folder, "large")).equals(large)).toBe(true);
    expect(damages.every((name) => ["one", "other"].includes(name))).toBe(true);
  });

  test.for<[what: string, failing: Failing]>([
    ["is out of reach", { whole: 5, fault: OUT_OF_REACH }],
    ["is damaged", { whole: 3, fault: { kind: "truncate", keepBytes: 10 } }],
  ])("is restored to the end from the second when the first %s in the middle", async ([, failing]) => {
    const tree = await open(copy("first", lab.repository, failing), copy("second", second));
    const folder = lab.newFolder();
    await tree.extract(`root${papers}`, folder, { signal });
    expect(readFileSync(join(folder, "large")).equals(large)).toBe(true);
    for (const name of readdirSync(join(papers, "inner"))) {
      expect(readFileSync(join(folder, "inner", name)).equals(readFileSync(join(papers, "inner", name)))).toBe(true);
    }
    expect(changes.length + damages.length).toBeGreaterThan(0);
  });

  test("that no copy has whole is an error: what the last one lacks", async () => {
    const tree = await open(
      copy("first", lab.repository, { whole: 4, fault: OUT_OF_REACH }),
      copy("second", second, { whole: 2, fault: OUT_OF_REACH }),
    );
    await expect(content(tree, inTree("large"))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("that is aborted rejects with the reason, and goes to no other copy", async () => {
    const tree = await open(copy("first", lab.repository), copy("second", second));
    const abort = new AbortController();
    const reason = new Error("interrupted");
    const reading = async (): Promise<void> => {
      for await (const _ of tree.read(inTree("large"), { signal: abort.signal })) abort.abort(reason);
    };
    await expect(reading()).rejects.toBe(reason);
    expect(told()).toEqual([]);
  });
});
