import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { idFromBytes } from "../format/id.ts";
import { LoadWindow, RANGE_NUMBERS, type WantedBlob, type WindowFile } from "./load-window.ts";

const MIB = 1024 * 1024;

function blob(entry: number, pack: number, offset: number, lengthBytes: number): WantedBlob {
  const place = { pack, offset, lengthBytes, uncompressedBytes: 0 };
  return { id: idFromBytes(new Uint8Array(32).fill(entry)), entry, place, plainBytes: lengthBytes, offset: 0 };
}

function file(wanted: readonly WantedBlob[]): WindowFile {
  const folder = { id: 1, path: "", fresh: true };
  return {
    folder,
    name: "f",
    wanted,
    patch: false,
    replaces: undefined,
    node: undefined,
    piece: undefined,
    linkKey: undefined,
    totalBytes: 0,
  };
}

function planned(blobs: readonly WantedBlob[], slotBytes: number): number[][] {
  const window = new LoadWindow();
  for (const each of blobs) window.add(file([each]));
  const { ranges } = window.plan(slotBytes);
  return Array.from({ length: ranges.length / RANGE_NUMBERS }, (_, n) => [...ranges.subarray(n * 4, n * 4 + 4)]);
}

describe("the ranges of a window", () => {
  const cases: [string, WantedBlob[], number, number[][]][] = [
    ["neighbours come together", [blob(1, 0, 100, 50), blob(2, 0, 150, 10)], 1000, [[0, 100, 60, 0]]],
    ["order does not matter", [blob(2, 0, 150, 10), blob(1, 0, 100, 50)], 1000, [[0, 100, 60, 0]]],
    ["a small gap is read along", [blob(1, 0, 0, 50), blob(2, 0, 90, 10)], 1000, [[0, 0, 100, 0]]],
    [
      "but only if it fits",
      [blob(1, 0, 0, 50), blob(2, 0, 90, 10)],
      99,
      [
        [0, 0, 50, 0],
        [0, 90, 10, 50],
      ],
    ],
    [
      "a large gap is not",
      [blob(1, 0, 0, 50), blob(2, 0, 2 * MIB, 10)],
      9 * MIB,
      [
        [0, 0, 50, 0],
        [0, 2 * MIB, 10, 50],
      ],
    ],
    [
      "small gaps are read along before a larger one",
      [blob(1, 0, 0, 10), blob(2, 0, 50, 10), blob(3, 0, 70, 10), blob(4, 0, 85, 10)],
      60,
      [
        [0, 0, 10, 0],
        [0, 50, 45, 10],
      ],
    ],
    [
      "packs are apart",
      [blob(1, 1, 0, 50), blob(2, 0, 50, 10)],
      1000,
      [
        [0, 50, 10, 0],
        [1, 0, 50, 10],
      ],
    ],
    ["a blob comes once", [blob(1, 0, 0, 50), blob(1, 0, 0, 50)], 1000, [[0, 0, 50, 0]]],
  ];
  test.each(cases)("%s", (_, blobs, slotBytes, expected) => {
    expect(planned(blobs, slotBytes)).toEqual(expected);
  });

  test("hold every blob where it is then found", () => {
    const places = fc.array(fc.tuple(fc.nat(3), fc.nat(40), fc.integer({ min: 1, max: 9 })), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(places, fc.nat(400), (drawn, slotBytes) => {
        const taken = new Map(drawn.map(([pack, at, length]) => [`${pack}:${at}`, { pack, offset: at * 10, length }]));
        const blobs = [...taken.values()].map(({ pack, offset, length }, n) => blob(n, pack, offset, length));
        const window = new LoadWindow();
        window.add(file(blobs));
        const { ranges, totalBytes } = window.plan(slotBytes);
        const packs = [0, 1, 2, 3].map((pack) => Uint8Array.from({ length: 500 }, (_, at) => (pack * 61 + at) % 256));
        const room = new Uint8Array(totalBytes);
        for (let at = 0; at < ranges.length; at += RANGE_NUMBERS) {
          const [pack = 0, offset = 0, length = 0, place = 0] = ranges.subarray(at, at + RANGE_NUMBERS);
          room.set((packs[pack] as Uint8Array).subarray(offset, offset + length), place);
        }
        window.loaded(room, []);
        for (const each of blobs) {
          const { pack, offset, lengthBytes } = each.place;
          expect(window.sealed(each)).toEqual((packs[pack] as Uint8Array).slice(offset, offset + lengthBytes));
        }
        const useful = blobs.reduce((sum, { place }) => sum + place.lengthBytes, 0);
        expect(totalBytes).toBeLessThanOrEqual(Math.max(useful, slotBytes));
      }),
    );
  });

  test("blobs of a range that could not be read are not found", () => {
    const [first, second] = [blob(1, 0, 0, 50), blob(2, 1, 0, 50)];
    const window = new LoadWindow();
    window.add(file([first, second]));
    window.plan(1000);
    window.loaded(new Uint8Array(100), [1]);
    expect(window.sealed(first)).toHaveLength(50);
    expect(window.sealed(second)).toBeUndefined();
  });
});

test("a window is full when the next file would not fit, but takes any first one", () => {
  const window = new LoadWindow();
  expect(window.isFullFor(file([blob(1, 0, 0, 5000)]), 1000)).toBe(false);
  window.add(file([blob(1, 0, 0, 600)]));
  expect(window.isFullFor(file([blob(2, 0, 600, 300)]), 1000)).toBe(false);
  expect(window.isFullFor(file([blob(2, 0, 600, 500)]), 1000)).toBe(true);
});
