import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BlobType, hashInto, idFromBytes, idOf, type Id } from "../format/id.ts";
import { BlobIndex, type BlobLocation } from "./blob-index.ts";

function rawId(text: string | number): Uint8Array {
  const id = new Uint8Array(32);
  hashInto(Buffer.from(String(text)), id, 0);
  return id;
}

function packNamed(index: BlobIndex, name: string): number {
  return index.addPack(idOf(Buffer.from(name)));
}

describe("stored blobs", () => {
  test("a blob is unknown until it is added, then found at its location", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    expect(index.has("data", id, 0)).toBe(false);
    expect(index.find("data", id, 0)).toBeUndefined();
    expect(index.entryOf("data", id, 0)).toBe(-1);
    const pack = packNamed(index, "p");
    index.add("data", id, 0, pack, 10, 20, 30);
    expect(index.has("data", id, 0)).toBe(true);
    expect(index.find("data", id, 0)).toEqual({ pack, offset: 10, lengthBytes: 20, uncompressedBytes: 30 });
    expect(index.entryOf("data", id, 0)).toBe(0);
    expect(index.count).toBe(1);
  });

  test("data and tree blobs with the same id are different blobs", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    const pack = packNamed(index, "p");
    index.add("tree", id, 0, pack, 1, 2, 3);
    expect(index.has("data", id, 0)).toBe(false);
    expect(index.claim("data", id, 0)).toBe(true);
    expect(index.find("tree", id, 0)?.offset).toBe(1);
    expect(index.find("data", id, 0)).toBeUndefined();
    expect([index.typeAt(0), index.typeAt(1)]).toEqual(["tree", "data"]);
  });

  test("every 32-bit number comes back unsigned", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    const pack = packNamed(index, "p");
    index.add("tree", id, 0, pack, 0xffff_ffff, 0x8000_0000, 0xffff_fffe);
    const location = { pack, offset: 0xffff_ffff, lengthBytes: 0x8000_0000, uncompressedBytes: 0xffff_fffe };
    expect(index.find("tree", id, 0)).toEqual(location);
    index.add("tree", id, 0, pack, 0xffff_ffff, 0x8000_0000, 0xffff_fffe);
    expect(index.count).toBe(1);
  });

  test.for([
    [2 ** 32, 1, 1],
    [1, 2 ** 32, 1],
    [1, 1, 2 ** 32],
    [-1, 1, 1],
    [1.5, 1, 1],
  ] as const)("numbers that do not fit 32 bits are refused: %j", ([offset, length, uncompressed]) => {
    const index = BlobIndex.create();
    const pack = packNamed(index, "p");
    expect(() => index.add("data", rawId("a"), 0, pack, offset, length, uncompressed)).toThrow(
      expect.objectContaining({ code: "ENGINE_MALFORMED" }),
    );
    expect(index.count).toBe(0);
  });

  test("an id may stand anywhere in a larger array", () => {
    const index = BlobIndex.create();
    const bytes = new Uint8Array(101);
    bytes.set(rawId("a"), 69);
    expect(index.claim("data", bytes, 69)).toBe(true);
    expect(index.has("data", rawId("a"), 0)).toBe(true);
    expect(() => index.has("data", bytes, 70)).toThrow(RangeError);
    const out = new Uint8Array(40);
    index.copyIdAt(0, out, 3);
    expect(out.subarray(3, 35)).toEqual(rawId("a"));
    expect(() => index.copyIdAt(0, out, 9)).toThrow(RangeError);
    expect(() => index.idAt(1)).toThrow(RangeError);
  });
});

describe("copies of a blob", () => {
  test("are kept up to a thousand; more are damage, as each costs the search for every other", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    const pack = packNamed(index, "p");
    for (let offset = 0; offset < 1_000; offset++) index.add("data", id, 0, pack, offset, 2, 3);
    expect(() => index.add("data", id, 0, pack, 1_000, 2, 3)).toThrow(/more than 1000 copies/);
    // One that is there already is no further copy, and a tree of the same id is another blob.
    index.add("data", id, 0, pack, 999, 2, 3);
    index.add("tree", id, 0, pack, 1_000, 2, 3);
    expect(index.findAll("data", id, 0)).toHaveLength(1_000);
  });
});

describe("packs that are forgotten", () => {
  test("take their blobs along, for every thread, and leave the copies in other packs", () => {
    const index = BlobIndex.create();
    const other = BlobIndex.attach(index.shared);
    const [lost, kept] = [packNamed(index, "lost"), packNamed(index, "kept")];
    index.add("data", rawId("only there"), 0, lost, 0, 2, 3);
    index.add("tree", rawId("tree"), 0, lost, 2, 2, 3);
    index.add("data", rawId("in both"), 0, lost, 4, 2, 3);
    index.add("data", rawId("in both"), 0, kept, 0, 2, 3);
    index.claim("data", rawId("claimed"), 0);
    expect(other.has("data", rawId("only there"), 0)).toBe(true);
    expect(index.forgetPacks(new Set([lost]))).toBe(3);
    expect(other.has("data", rawId("only there"), 0)).toBe(false);
    expect(other.has("tree", rawId("tree"), 0)).toBe(false);
    expect(other.findAll("data", rawId("in both"), 0)).toMatchObject([{ pack: kept }]);
    expect(other.claim("data", rawId("claimed"), 0)).toBe(false);
    expect(other.claim("data", rawId("only there"), 0)).toBe(true);
    index.add("data", rawId("only there"), 0, kept, 2, 2, 3);
    expect(other.find("data", rawId("only there"), 0)).toMatchObject({ pack: kept });
    expect(index.forgetPacks(new Set([lost]))).toBe(0);
  });

  test("stay forgotten when the index grows", () => {
    const index = BlobIndex.create();
    const [lost, kept] = [packNamed(index, "lost"), packNamed(index, "kept")];
    for (let n = 0; n < 5_000; n++) index.add("data", rawId(n), 0, n % 2 === 0 ? lost : kept, n, 2, 3);
    expect(index.forgetPacks(new Set([lost]))).toBe(2_500);
    for (let n = 5_000; n < 20_000; n++) index.add("data", rawId(n), 0, kept, n, 2, 3);
    const found = Array.from({ length: 20_000 }, (_, n) => index.has("data", rawId(n), 0));
    expect(found.every((isFound, n) => isFound === (n >= 5_000 || n % 2 === 1))).toBe(true);
  });
});

describe("claims", () => {
  test("the first claim of an unknown blob is granted, later ones are not", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    expect(index.claim("data", id, 0)).toBe(true);
    expect(index.claim("data", id, 0)).toBe(false);
    expect(index.has("data", id, 0)).toBe(true);
    expect(index.find("data", id, 0)).toBeUndefined();
    expect(index.findAll("data", id, 0)).toEqual([]);
    expect(index.locationAt(0)).toBeUndefined();
  });

  test("adding completes a claimed entry in place", () => {
    const index = BlobIndex.create();
    const id = rawId("a");
    index.claim("tree", id, 0);
    index.add("tree", id, 0, packNamed(index, "p"), 1, 2, 3);
    expect(index.count).toBe(1);
    expect(index.locationAt(0)).toEqual({ pack: 0, offset: 1, lengthBytes: 2, uncompressedBytes: 3 });
    expect(index.typeAt(0)).toBe("tree");
  });

  test("a stored blob cannot be claimed", () => {
    const index = BlobIndex.create();
    index.add("data", rawId("a"), 0, packNamed(index, "p"), 1, 2, 3);
    expect(index.claim("data", rawId("a"), 0)).toBe(false);
  });
});

describe("packs", () => {
  test("a pack keeps its number, and numbers lead back to ids", () => {
    const index = BlobIndex.create();
    const ids = Array.from({ length: 5_000 }, (_, n) => idOf(Buffer.from(`pack ${n}`)));
    expect(ids.map((id) => index.addPack(id))).toEqual(ids.map((_, n) => n));
    expect(ids.map((id) => index.addPack(id))).toEqual(ids.map((_, n) => n));
    expect(index.packCount).toBe(5_000);
    expect(ids.every((id, n) => index.packId(n) === id && index.packNumber(id) === n)).toBe(true);
    expect(index.packNumber(idOf(Buffer.from("other")))).toBeUndefined();
    expect(() => index.packId(5_000)).toThrow(RangeError);
    expect(() => index.add("data", rawId("a"), 0, 5_000, 0, 1, 1)).toThrow(RangeError);
  });

  test("a pack is known to hold trees once one is added, whatever else it holds, or once that was said", () => {
    const index = BlobIndex.create();
    const [data, mixed, said, claimed] = ["data", "mixed", "said", "claimed"].map((name) => idOf(Buffer.from(name)));
    const ids = [data, mixed, said, claimed] as Id[];
    for (const id of ids) index.addPack(id);
    const other = BlobIndex.attach(index.shared);
    expect(ids.some((id) => other.isTreePack(id))).toBe(false);
    index.add("data", rawId("a"), 0, 0, 0, 1, 1);
    index.add("data", rawId("b"), 0, 1, 0, 1, 1);
    index.add("tree", rawId("c"), 0, 1, 1, 1, 1);
    index.add("data", rawId("d"), 0, 1, 2, 1, 1);
    index.markTreePack(2);
    index.claim("tree", rawId("e"), 0);
    index.add("tree", rawId("e"), 0, 3, 0, 1, 1);
    expect(ids.map((id) => other.isTreePack(id))).toEqual([false, true, true, true]);
    expect(ids.map((id) => index.addPack(id))).toEqual([0, 1, 2, 3]);
    expect(index.isTreePack(idOf(Buffer.from("unknown")))).toBe(false);
    expect(() => index.markTreePack(4)).toThrow(RangeError);
  });
});

test("an attached index sees what the other adds, through any growth", () => {
  const index = BlobIndex.create();
  const other = BlobIndex.attach(index.shared);
  const count = 40_000;
  for (let n = 0; n < count; n++) {
    (n % 2 === 0 ? index : other).claim("data", rawId(n), 0);
    if (n % 97 === 0) expect((n % 2 === 0 ? other : index).entryOf("data", rawId(n), 0)).toBe(n);
  }
  for (let n = 0; n < count; n++) {
    const seen = [index, other].map((one) => one.entryOf("data", rawId(n), 0));
    if (seen.some((entry) => entry !== n)) throw new Error(`lost ${n}`);
  }
  expect(index.has("data", rawId(count), 0)).toBe(false);
});

// A small world of ids and places, so that duplicates and completions are frequent.
const operation = fc.oneof(
  fc.record({ op: fc.constant("claim" as const), id: fc.nat(20), type: fc.constantFrom<BlobType>("data", "tree") }),
  fc.record({
    op: fc.constant("add" as const),
    id: fc.nat(20),
    type: fc.constantFrom<BlobType>("data", "tree"),
    pack: fc.nat(3),
    offset: fc.nat(2),
  }),
);

test("any sequence of claims and additions gives what a map of lists gives", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const index = BlobIndex.create();
      const packs = [0, 1, 2, 3].map((n) => packNamed(index, `pack ${n}`));
      const model = new Map<string, { entry: number; locations: BlobLocation[] }>();
      const entries: { id: Id; type: BlobType; location: BlobLocation | undefined }[] = [];
      for (const step of operations) {
        const id = rawId(step.id);
        const key = `${step.type} ${step.id}`;
        const known = model.get(key);
        if (step.op === "claim") {
          expect(index.claim(step.type, id, 0)).toBe(known === undefined);
          if (known !== undefined) continue;
          model.set(key, { entry: entries.length, locations: [] });
          entries.push({ id: idFromBytes(id), type: step.type, location: undefined });
          continue;
        }
        const pack = packs[step.pack] as number;
        const location = { pack, offset: step.offset, lengthBytes: 7, uncompressedBytes: step.offset * 3 };
        index.add(step.type, id, 0, pack, step.offset, 7, step.offset * 3);
        if (known === undefined) {
          model.set(key, { entry: entries.length, locations: [location] });
        } else if (known.locations.length === 0) {
          known.locations.push(location);
          (entries[known.entry] as { location: BlobLocation | undefined }).location = location;
          continue;
        } else if (known.locations.some((one) => one.pack === pack && one.offset === step.offset)) {
          continue;
        } else {
          known.locations.push(location);
        }
        entries.push({ id: idFromBytes(id), type: step.type, location });
      }
      expect(index.count).toBe(entries.length);
      for (const [n, entry] of entries.entries()) {
        expect({ id: index.idAt(n), type: index.typeAt(n), location: index.locationAt(n) }).toEqual(entry);
      }
      for (let n = 0; n <= 20; n++) {
        for (const type of ["data", "tree"] as const) {
          const known = model.get(`${type} ${n}`);
          expect(index.entryOf(type, rawId(n), 0)).toBe(known?.entry ?? -1);
          expect(index.find(type, rawId(n), 0)).toEqual(known?.locations[0]);
          expect(index.findAll(type, rawId(n), 0)).toEqual(known?.locations ?? []);
        }
      }
    }),
    { numRuns: 100 },
  );
});
