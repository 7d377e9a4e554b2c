import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idOf, idToBytes } from "../format/id.ts";
import { BlobIndex } from "../index/blob-index.ts";
import { halvesOf, segmentsOf, type Segment } from "./segments.ts";

const MIB = 1024 * 1024;

/** An index with one pack of blobs of these lengths, one behind the other. */
function packOf(lengths: readonly number[]): BlobIndex {
  const index = BlobIndex.create();
  const pack = index.addPack(idOf(Buffer.from("pack")));
  let offset = 0;
  for (const [n, lengthBytes] of lengths.entries()) {
    index.add("data", idToBytes(idOf(Buffer.from(`${n}`))), 0, pack, offset, lengthBytes, 0);
    offset += lengthBytes;
  }
  return index;
}

const read = (segments: Iterable<Segment>): [number, number, number[]][] =>
  Array.from(segments, ({ offset, lengthBytes, entries }) => [offset, lengthBytes, [...entries]]);

describe("the reads of a pack", () => {
  test("are one when most of it is wanted, with what lies between", () => {
    const index = packOf([100, 2 * MIB, 2 * MIB, 3 * MIB]);
    expect(read(segmentsOf(index, 0, Uint32Array.of(3, 0, 2)))).toEqual([[0, 7 * MIB + 100, [0, 2, 3]]]);
  });

  test("leave out large parts that nobody wants when little of it is wanted", () => {
    const index = packOf([100, 100, 600_000, 100, 500_000, 100, 3 * MIB]);
    expect(read(segmentsOf(index, 0, Uint32Array.of(0, 3, 5)))).toEqual([
      [0, 100, [0]],
      [600_200, 500_200, [3, 5]],
    ]);
  });

  test("of a large pack are several, and a blob larger than a read is one", () => {
    const index = packOf([3 * MIB, 5 * MIB, 4 * MIB, 40 * MIB, 10]);
    expect(read(segmentsOf(index, 0, Uint32Array.of(0, 1, 2, 3, 4)))).toEqual([
      [0, 8 * MIB, [0, 1]],
      [8 * MIB, 4 * MIB, [2]],
      [12 * MIB, 40 * MIB, [3]],
      [52 * MIB, 10, [4]],
    ]);
  });

  test("of nothing are none, and a blob of another pack is refused", () => {
    const index = packOf([10, 10]);
    index.addPack(idOf(Buffer.from("other")));
    expect(read(segmentsOf(index, 0, new Uint32Array()))).toEqual([]);
    expect(() => read(segmentsOf(index, 1, Uint32Array.of(0)))).toThrow(RangeError);
  });

  test("bring every wanted blob once, whole, in order, in no more than 8 MiB; and so do halves", () => {
    const lengths = fc.array(fc.integer({ min: 33, max: 4 * MIB }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(lengths, fc.infiniteStream(fc.boolean()), (sizes, chosen) => {
        const index = packOf(sizes);
        const wanted = Uint32Array.from(sizes.keys()).filter(() => chosen.next().value === true);
        const segments = [...segmentsOf(index, 0, wanted.toReversed())];
        expect(segments.flatMap(({ entries }) => [...entries])).toEqual([...wanted]);
        const halves = segments.flatMap((segment) =>
          segment.entries.length > 1 ? halvesOf(index, segment) : [segment],
        );
        expect(halves.flatMap(({ entries }) => [...entries])).toEqual([...wanted]);
        for (const { offset, lengthBytes, entries } of [...segments, ...halves]) {
          expect(lengthBytes).toBeLessThanOrEqual(8 * MIB);
          for (const entry of entries) {
            const place = index.locationAt(entry);
            if (place === undefined) throw new Error("an entry without a place");
            expect(place.offset).toBeGreaterThanOrEqual(offset);
            expect(place.offset + place.lengthBytes).toBeLessThanOrEqual(offset + lengthBytes);
          }
        }
      }),
    );
  });
});
