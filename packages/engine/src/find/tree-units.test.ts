import fc from "fast-check";
import { expect, test } from "vitest";
import { type Id, idOf, idToBytes } from "../format/id.ts";
import { BlobIndex, type BlobLocation } from "../index/blob-index.ts";
import { TreeUnits } from "./tree-units.ts";

const MIB = 1024 * 1024;
const id = (n: number): Id => idOf(Buffer.from(String(n)));

function indexOf(packs: readonly (readonly { isTree: boolean; offset: number; lengthBytes: number }[])[]): BlobIndex {
  const index = BlobIndex.create();
  let blobs = 0;
  packs.forEach((places, pack) => {
    index.addPack(id(1_000_000 + pack));
    for (const { isTree, offset, lengthBytes } of places) {
      index.add(isTree ? "tree" : "data", idToBytes(id(blobs++)), 0, pack, offset, lengthBytes, 0);
    }
  });
  return index;
}

const place = fc.record({
  isTree: fc.boolean(),
  offset: fc.nat({ max: 20 * MIB }),
  lengthBytes: fc.integer({ min: 1, max: 3 * MIB }),
});

test("every tree lies whole in its unit, and no unit is larger than 4 MiB", () => {
  fc.assert(
    fc.property(fc.array(fc.array(place, { maxLength: 12 }), { maxLength: 5 }), (packs) => {
      const index = indexOf(packs);
      const units = new TreeUnits(index);
      for (let entry = 0; entry < index.count; entry++) {
        if (index.typeAt(entry) === "data") continue;
        const { pack, offset, lengthBytes } = index.locationAt(entry) as BlobLocation;
        const unit = units.unit(units.unitAt({ pack, offset }));
        expect(unit.pack).toBe(pack);
        expect(unit.offset).toBeLessThanOrEqual(offset);
        expect(unit.lengthBytes).toBeLessThanOrEqual(4 * MIB);
        // Places that overlap are none that a program writes; then the later unit may lack the end.
        if (!overlaps(packs[pack] ?? [])) {
          expect(unit.offset + unit.lengthBytes).toBeGreaterThanOrEqual(offset + lengthBytes);
        }
      }
    }),
  );
});

test("neighbours are read together, and what lies between only when it is little", () => {
  const index = indexOf([
    [
      { isTree: true, offset: 100, lengthBytes: 50 },
      { isTree: true, offset: 0, lengthBytes: 100 },
      { isTree: false, offset: 150, lengthBytes: 1000 },
      { isTree: true, offset: 1150, lengthBytes: 10 },
      { isTree: false, offset: 1160, lengthBytes: MIB },
      { isTree: true, offset: 1160 + MIB, lengthBytes: 10 },
    ],
  ]);
  const units = new TreeUnits(index);
  const numbers = [0, 100, 1150, 1160 + MIB].map((offset) => units.unitAt({ pack: 0, offset }));
  expect(numbers).toEqual([0, 0, 0, 1]);
  expect(units.unit(0)).toEqual({ pack: 0, offset: 0, lengthBytes: 1160 });
});

function overlaps(places: readonly { isTree: boolean; offset: number; lengthBytes: number }[]): boolean {
  const trees = places.filter(({ isTree }) => isTree).toSorted((a, b) => a.offset - b.offset);
  return trees.some(({ offset }, n) => {
    const before = trees[n - 1];
    return before !== undefined && before.offset + before.lengthBytes > offset;
  });
}
