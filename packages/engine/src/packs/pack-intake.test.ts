import { isHoldfastError } from "@holdfast/base";
import { type Fault, FaultyBackend, type FaultRule, scriptedFaults } from "@holdfast/storage";
import { MemoryBackend } from "@holdfast/storage/testing";
import { describe, expect, test } from "vitest";
import { newMasterKey } from "../crypto/master-key.ts";
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { idOf, idToBytes, type Id } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { loadIndex } from "../repository/load-index.ts";
import { Repository } from "../repository/repository.ts";
import { PackIntake } from "./pack-intake.ts";
import { PackPool, PackSealer } from "./pack-pool.ts";

const { signal } = new AbortController();
const masterKey = newMasterKey();
const FAIL: Fault = { kind: "fail", when: "before" };

interface Started {
  readonly healthy: Repository;
  readonly index: BlobIndex;
  readonly intake: PackIntake;
  readonly failures: unknown[];
  /** Stores blobs of one pack: as many as are asked for, of 8 bytes. */
  pack(blobs: number, seed: number): Uint8Array[];
  count(type: "pack" | "index"): Promise<number>;
}

function start(rules: readonly FaultRule[] = [], runSignal = signal): Started {
  const backend = new MemoryBackend();
  const config = { version: 2, id: idOf(Buffer.from("x")), chunkerPolynomial: 0n } as const;
  const healthy = new Repository({ backend, config, masterKey, keyId: config.id });
  const repository = new Repository({
    backend: new FaultyBackend(backend, scriptedFaults(rules)),
    config,
    masterKey,
    keyId: config.id,
  });
  const pool = PackPool.create({ packSizeBytes: 4 * 1024 * 1024, slots: 5 });
  const index = BlobIndex.create();
  const failures: unknown[] = [];
  const intake = new PackIntake({
    repository,
    index,
    pool,
    signal: runSignal,
    onFailure: (error) => failures.push(error),
  });
  const sealer = new PackSealer(pool, masterKey, (pack) => intake.accept(pack));
  return {
    healthy,
    index,
    intake,
    failures,
    pack(blobs, seed) {
      const ids = Array.from({ length: blobs }, (_, n) => idToBytes(idOf(Buffer.from(`${seed} ${n}`))));
      for (const id of ids) sealer.store("tree", id, 0, new Uint8Array(8), 0);
      sealer.flush();
      return ids;
    },
    async count(type) {
      let files = 0;
      for await (const _ of backend.list(type, { signal })) files++;
      return files;
    },
  };
}

const known = (index: BlobIndex, ids: readonly Uint8Array[]): boolean =>
  ids.every((id) => index.find("tree", id, 0) !== undefined);

describe("finished packs", () => {
  test("are stored, found in the index at once, and listed in index files of bounded size", async () => {
    const { healthy, index, intake, pack, count } = start();
    const ids = [1, 2, 3].flatMap((seed) => pack(20_000, seed));
    await intake.settle();
    expect(await count("index")).toBe(1);
    expect(known(index, ids)).toBe(true);
    expect(index.find("tree", ids[1] as Uint8Array, 0)).toMatchObject({
      offset: 8 + SEAL_OVERHEAD,
      lengthBytes: 8 + SEAL_OVERHEAD,
    });
    pack(10, 4);
    await intake.finish();
    expect(await count("pack")).toBe(4);
    expect(await count("index")).toBe(2);
    const read = await loadIndex(healthy, { signal });
    expect(read.count).toBe(60_010);
    expect(known(read, ids)).toBe(true);
  });

  test("one that cannot be stored fails the run, once, and no index names it", async () => {
    const { healthy, intake, pack, failures, count } = start([
      { operation: "save", type: "pack", call: 2, fault: FAIL },
      { operation: "save", type: "pack", call: 3, fault: FAIL },
    ]);
    const [first, ...lost] = [1, 2, 3].map((seed) => pack(5, seed)) as [Uint8Array[], ...Uint8Array[][]];
    await expect(intake.finish()).rejects.toSatisfy((error) => isHoldfastError(error, "STORAGE_UNAVAILABLE"));
    expect(failures).toHaveLength(1);
    intake.interrupt();
    await intake.recordInterrupted(signal);
    expect(await count("index")).toBe(1);
    const read = await loadIndex(healthy, { signal });
    expect(known(read, first)).toBe(true);
    expect(lost.some((ids) => known(read, ids))).toBe(false);
  });

  test("a full index file that an abort has stopped is written when the run is recorded", async () => {
    const interruption = new AbortController();
    const { healthy, intake, pack, count } = start([], interruption.signal);
    const original = healthy.backend.save.bind(healthy.backend);
    healthy.backend.save = (key, body, options) => {
      if (key.type === "index") interruption.abort(new Error("stop"));
      return original(key, body, options);
    };
    const ids = pack(50_000, 1);
    await expect(intake.finish()).rejects.toThrow("stop");
    intake.interrupt();
    await intake.recordInterrupted(signal);
    expect(await count("index")).toBe(1);
    expect(known(await loadIndex(healthy, { signal }), ids)).toBe(true);
  });

  test("with trees are known for it when they are stored, so that a cache can keep them", async () => {
    const { healthy, index, intake, pack } = start();
    const original = healthy.backend.save.bind(healthy.backend);
    const stored: boolean[] = [];
    healthy.backend.save = (key, body, options) => {
      if (key.type === "pack") stored.push(index.isTreePack(key.name as Id));
      return original(key, body, options);
    };
    pack(5, 1);
    await intake.finish();
    expect(stored).toEqual([true]);
  });

  test("after an interruption shared memory is left alone", async () => {
    const { index, intake, pack, count } = start();
    pack(5, 1);
    intake.interrupt();
    await intake.recordInterrupted(signal);
    expect(await count("index")).toBe(1);
    expect(index.packCount).toBe(0);
  });

  test("an adopted pack is in the index and in the next index file", async () => {
    const { healthy, index, intake, count } = start();
    const id = idOf(Buffer.from("blob"));
    const pack = {
      id: "ab".repeat(32) as Id,
      blobs: [{ id, type: "data", offset: 0, lengthBytes: 40, uncompressedBytes: 0 }],
    } as const;
    await intake.adopt(pack);
    expect(index.has("data", idToBytes(id), 0)).toBe(true);
    await intake.finish();
    expect(await count("index")).toBe(1);
    expect((await loadIndex(healthy, { signal })).packNumber(pack.id)).toBe(0);
  });
});
