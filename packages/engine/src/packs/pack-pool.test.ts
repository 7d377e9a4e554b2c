import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { isHoldfastError } from "@holdfast/base";
import { Sealer } from "../crypto/sealing.ts";
import { newMasterKey } from "../crypto/master-key.ts";
import { hashInto, idOf, type BlobType } from "../format/id.ts";
import { decodePackHeader, sealedHeaderBytes } from "../format/pack-header.ts";
import { PackPool, PackSealer, type FinishedPack } from "./pack-pool.ts";

const key = newMasterKey();
const sealer = new Sealer(key);
const PACK = 4096;

interface Written {
  readonly pack: FinishedPack;
  readonly bytes: Uint8Array;
}

/** A pool whose packs are copied and freed at once. */
function pool(): {
  packs: Written[];
  put: (type: BlobType, blob: Uint8Array, plainBytes?: number) => void;
  flush: () => void;
} {
  const shared = PackPool.create({ packSizeBytes: PACK, slots: 5 });
  const packs: Written[] = [];
  const writer = new PackSealer(shared, key, (pack) => {
    packs.push({ pack, bytes: shared.bytesOf(pack).slice() });
    shared.free(pack);
  });
  const id = new Uint8Array(32);
  return {
    packs,
    put: (type, blob, plainBytes = 0) => {
      hashInto(blob, id, 0);
      writer.store(type, id, 0, blob, plainBytes);
    },
    flush: () => writer.flush(),
  };
}

/** Reads a pack as any client does: from its end. */
function read({ bytes }: Written): { type: BlobType; id: string; blob: Uint8Array; plainBytes: number }[] {
  const length = sealedHeaderBytes(bytes.subarray(-4), bytes.length);
  const header = sealer.open(bytes.subarray(bytes.length - 4 - length, bytes.length - 4));
  return decodePackHeader(header).map(({ type, id, offset, lengthBytes, plainBytes }) => ({
    type,
    id,
    plainBytes,
    blob: sealer.open(bytes.subarray(offset, offset + lengthBytes)),
  }));
}

describe("packs", () => {
  test("every blob that went in can be read back through the pack's own header", () => {
    const { packs, put, flush } = pool();
    const blobs = Array.from({ length: 300 }, (_, n) => randomBytes(1 + ((n * 37) % 700)));
    blobs.forEach((blob, n) => put(n % 5 === 0 ? "tree" : "data", blob));
    flush();
    const found = packs.flatMap(read);
    expect(found.map(({ id }) => id).sort()).toEqual(blobs.map((blob) => idOf(blob)).sort());
    for (const { id, blob } of found) expect(idOf(blob)).toBe(id);
    for (const written of packs) expect(written.pack.id).toBe(idOf(written.bytes));
  });

  test("trees and data never share a pack, and full packs reach the pack size", () => {
    const { packs, put, flush } = pool();
    for (let n = 0; n < 200; n++) put(n % 2 === 0 ? "tree" : "data", randomBytes(100));
    const full = packs.length;
    flush();
    for (const written of packs) expect(new Set(read(written).map(({ type }) => type)).size).toBe(1);
    for (const { pack } of packs.slice(0, full)) expect(pack.lengthBytes).toBeGreaterThanOrEqual(PACK);
  });

  test("remainders of the two data packs are merged", () => {
    const { packs, put, flush } = pool();
    for (let n = 0; n < 12; n++) put("data", randomBytes(50));
    flush();
    expect(packs).toHaveLength(1);
    expect(read(packs[0] as Written)).toHaveLength(12);
  });

  test("chunks of one file are spread over two packs at random", () => {
    const { packs, put } = pool();
    const blobs = Array.from({ length: 400 }, () => randomBytes(200));
    for (const blob of blobs) put("data", blob);
    const order = new Map(blobs.map((blob, n) => [idOf(blob) as string, n]));
    const gaps = packs.flatMap((written) => {
      const numbers = read(written).map(({ id }) => order.get(id) as number);
      return numbers.slice(1).map((n, at) => n - (numbers[at] as number));
    });
    // In one sequence every gap is 1; at random about half of them are larger.
    const larger = gaps.filter((gap) => gap > 1).length / gaps.length;
    expect(larger).toBeGreaterThan(0.25);
    expect(larger).toBeLessThan(0.75);
  });

  test("a blob larger than a pack gets one of its own", () => {
    const { packs, put } = pool();
    const blob = randomBytes(3 * PACK);
    put("tree", blob, 9 * PACK);
    expect(packs).toHaveLength(1);
    const [entry] = read(packs[0] as Written);
    expect(entry).toMatchObject({ type: "tree", id: idOf(blob), plainBytes: 9 * PACK });
  });

  test("an aborted pool refuses blobs instead of waiting for ever", () => {
    const shared = PackPool.create({ packSizeBytes: PACK, slots: 4 });
    const writer = new PackSealer(shared, key, () => {});
    shared.abort();
    expect(() => writer.store("data", new Uint8Array(32), 0, new Uint8Array(10), 0)).toThrow(
      expect.toSatisfy((error: unknown) => isHoldfastError(error, "ENGINE_ABORTED")),
    );
  });
});
