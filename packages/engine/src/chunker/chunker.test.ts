import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Chunker, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from "./chunker.ts";
import { CutChooser } from "./cut-chooser.ts";
import { parsePolynomial } from "./polynomial.ts";
import { referenceCandidates, referenceCuts } from "./reference.ts";
import { fillSample, plant, resticVectors } from "./testdata/sample-bytes.ts";

const POLYNOMIALS = [{ polynomial: "3da3358b4dc173" }, ...resticVectors.derived].map(({ polynomial }) =>
  parsePolynomial(polynomial),
);
const polynomials = fc.constantFrom(...POLYNOMIALS);
const seeds = fc.integer({ min: 1, max: 0x7fffffff });

/** Cuts `buffer[start, end)`, a whole file, by `nextCut`. */
function cutsOf(chunker: Chunker, start: number, end: number): number[] {
  const cuts: number[] = [];
  for (;;) {
    const cut = chunker.nextCut(cuts.at(-1) ?? start, end);
    if (cut === 0) break;
    cuts.push(cut);
  }
  if ((cuts.at(-1) ?? start) < end) cuts.push(end);
  return cuts;
}

/** Cuts the first `size` bytes of the buffer by candidates that are looked for piece by piece. */
function cutsByPieces(chunker: Chunker, size: number, pieces: readonly number[]): number[] {
  const chooser = new CutChooser();
  const cuts: number[] = [];
  for (let at = 0, i = 0; at < size; i++) {
    const to = Math.min(size, at + (pieces[i % pieces.length] as number));
    cuts.push(...chooser.push(chunker.candidates(at, to), to));
    at = to;
  }
  return [...cuts, ...chooser.finish(size)];
}

describe("restic's cuts", () => {
  test.for(resticVectors.cuts)(
    "are found in $size bytes of seed $seed, period $period, polynomial $polynomial",
    ({ polynomial, seed, period, size, cuts }) => {
      const chunker = new Chunker(parsePolynomial(polynomial), size);
      fillSample(chunker.buffer, seed, period);
      expect(cutsOf(chunker, 0, size)).toEqual(cuts);
      // Zeros make a candidate of every byte; one piece size is enough for them.
      for (const pieces of period === 0 ? [[1_000_000]] : [[8_388_608], [100_003, 1, 2_999_999]]) {
        expect(cutsByPieces(chunker, size, pieces)).toEqual(cuts);
      }
    },
  );
});

describe("candidates", () => {
  test("are those of the reference, for any range, wherever candidates and near misses lie", () => {
    const capacity = 70_000;
    const chunkers = new Map(POLYNOMIALS.map((polynomial) => [polynomial, new Chunker(polynomial, capacity)]));
    const position = fc.integer({ min: 64, max: capacity });
    fc.assert(
      fc.property(
        polynomials,
        seeds,
        fc.uniqueArray(position, { maxLength: 60 }),
        fc.array(fc.tuple(position, fc.integer({ min: 0, max: 19 })), { maxLength: 20 }),
        fc.integer({ min: 0, max: capacity }),
        fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: capacity })),
        (polynomial, seed, places, misses, from, count) => {
          const chunker = chunkers.get(polynomial) as Chunker;
          fillSample(chunker.buffer, seed);
          for (const [at, bit] of misses) plant(chunker.buffer, polynomial, at, 1 << bit);
          for (const at of places.sort((a, b) => a - b)) plant(chunker.buffer, polynomial, at);
          const to = Math.min(capacity, from + count);
          expect([...chunker.candidates(from, to)]).toEqual(referenceCandidates(polynomial, chunker.buffer, from, to));
        },
      ),
      { numRuns: 120 },
    );
  });

  test.for([
    ["a short range", 20],
    ["a long range", 3000],
  ] as const)("need all of the low 20 bits clear and no other, in %s", ([, around]) => {
    const polynomial = POLYNOMIALS[2] as bigint;
    const chunker = new Chunker(polynomial, 8000);
    fillSample(chunker.buffer, 11);
    for (let bit = 0; bit < 20; bit++) {
      plant(chunker.buffer, polynomial, 4000, 1 << bit);
      expect(chunker.candidates(4000 - around, 4000 + around)).not.toContain(4000);
    }
    plant(chunker.buffer, polynomial, 4000);
    expect(chunker.candidates(4000 - around, 4000 + around)).toContain(4000);
  });

  test("are found at both ends of every lane and block, and nowhere else", () => {
    const polynomial = POLYNOMIALS[0] as bigint;
    const chunker = new Chunker(polynomial, 900_000);
    fillSample(chunker.buffer, 77);
    const block = 267_264;
    const places = [0, 1, 2].flatMap((b) =>
      Array.from({ length: 16 }, (_, lane) => 63 + b * block + lane * (block / 16)).flatMap((at) => [at, at + 1]),
    );
    for (const at of places.slice(1)) plant(chunker.buffer, polynomial, at);
    expect([...chunker.candidates(0, 900_000)]).toEqual(referenceCandidates(polynomial, chunker.buffer, 0, 900_000));
    // Planting a neighbour spoils the position before it; of each pair the second is certain.
    expect([...chunker.candidates(0, 900_000)]).toEqual(expect.arrayContaining(places.filter((_, i) => i % 2 === 1)));
  });

  test("are all positions from 64 on in zeros", () => {
    const chunker = new Chunker(POLYNOMIALS[0] as bigint, 300_000);
    const found = chunker.candidates(0, 300_000);
    expect(found.length).toBe(300_000 - 63);
    expect(found.every((position, i) => position === 64 + i)).toBe(true);
    expect([...chunker.candidates(1000, 1003)]).toEqual([1001, 1002, 1003]);
  });

  test("do not depend on what lies outside the window", () => {
    const polynomial = POLYNOMIALS[1] as bigint;
    const chunker = new Chunker(polynomial, 4096);
    fillSample(chunker.buffer, 3);
    plant(chunker.buffer, polynomial, 2000);
    for (const filler of [0, 0xff]) {
      chunker.buffer.fill(filler, 0, 2000 - 64).fill(filler, 2000);
      expect([...chunker.candidates(1990, 2010)]).toContain(2000);
    }
  });

  test.for([
    [-1, 5],
    [6, 5],
    [0, 101],
    [Number.NaN, 5],
  ] as const)("of %j are refused in a buffer of 100", ([from, to]) => {
    const chunker = new Chunker(POLYNOMIALS[0] as bigint, 100);
    expect(() => chunker.candidates(from, to)).toThrow(RangeError);
    expect(() => chunker.nextCut(from, to)).toThrow(RangeError);
  });
});

describe("nextCut", () => {
  test("is the reference's first cut, for any start and end and any candidates around the minimum", () => {
    const capacity = 1_500_000;
    const chunkers = new Map(POLYNOMIALS.map((polynomial) => [polynomial, new Chunker(polynomial, capacity)]));
    fc.assert(
      fc.property(
        polynomials,
        seeds,
        fc.integer({ min: 0, max: 200_000 }),
        fc.integer({ min: MIN_CHUNK_BYTES - 100, max: 1_300_000 }),
        fc.uniqueArray(fc.oneof(fc.integer({ min: -70, max: 70 }), fc.integer({ min: 0, max: 700_000 })), {
          maxLength: 4,
        }),
        (polynomial, seed, start, size, places) => {
          const { buffer } = chunkers.get(polynomial) as Chunker;
          fillSample(buffer, seed);
          for (const place of places.sort((a, b) => a - b)) plant(buffer, polynomial, start + MIN_CHUNK_BYTES + place);
          const first = referenceCuts(polynomial, buffer.subarray(start, start + size))[0] as number;
          const cut = (chunkers.get(polynomial) as Chunker).nextCut(start, start + size);
          if (cut === 0) expect(first).toBe(size);
          else expect(cut - start).toBe(first);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("answers 0 below the minimum, and the end when the end is a candidate", () => {
    const polynomial = POLYNOMIALS[0] as bigint;
    const chunker = new Chunker(polynomial, 2 * MIN_CHUNK_BYTES);
    fillSample(chunker.buffer, 9);
    for (const size of [MIN_CHUNK_BYTES - 1, MIN_CHUNK_BYTES, MIN_CHUNK_BYTES + 1]) {
      fillSample(chunker.buffer, 9);
      expect(chunker.nextCut(17, 17 + size)).toBe(0);
      plant(chunker.buffer, polynomial, 17 + size);
      expect(chunker.nextCut(17, 17 + size)).toBe(size < MIN_CHUNK_BYTES ? 0 : 17 + size);
    }
    for (const size of [0, 1, 63, 64, 65]) expect(chunker.nextCut(5, 5 + size)).toBe(0);
  });

  test("cuts at the maximum when no candidate comes, also when a candidate follows it directly", () => {
    const polynomial = POLYNOMIALS[0] as bigint;
    const chunker = new Chunker(polynomial, MAX_CHUNK_BYTES + 20);
    fillSample(chunker.buffer, 1, 251);
    plant(chunker.buffer, polynomial, 10 + MAX_CHUNK_BYTES + 1);
    expect(chunker.nextCut(10, 10 + MAX_CHUNK_BYTES - 1)).toBe(0);
    expect(chunker.nextCut(10, 10 + MAX_CHUNK_BYTES)).toBe(10 + MAX_CHUNK_BYTES);
    expect(chunker.nextCut(10, 10 + MAX_CHUNK_BYTES + 10)).toBe(10 + MAX_CHUNK_BYTES);
  });

  test("keeps chunkers of one thread apart", () => {
    const [a, b] = POLYNOMIALS.slice(0, 2).map((polynomial) => new Chunker(polynomial, 3_000_001));
    for (const chunker of [a, b] as Chunker[]) fillSample(chunker.buffer, 7);
    const restic = resticVectors.cuts.find(({ period, size }) => period === null && size === 3_000_001);
    const before = cutsOf(a as Chunker, 0, 3_000_001);
    expect(cutsOf(b as Chunker, 0, 3_000_001)).toEqual(restic?.cuts);
    expect(cutsOf(a as Chunker, 0, 3_000_001)).toEqual(before);
    expect(before).not.toEqual(restic?.cuts);
  });
});
