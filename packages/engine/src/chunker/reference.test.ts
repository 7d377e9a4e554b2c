import { describe, expect, test } from "vitest";
import { referenceCandidates, referenceCuts, referenceDigest } from "./reference.ts";
import { fillSample, plant, resticVectors } from "./testdata/sample-bytes.ts";

const POLYNOMIAL = 0x3da3358b4dc173n;

describe("the reference chunker", () => {
  const small = resticVectors.cuts.filter(({ size }) => size > 64 && size <= 3_000_001);

  test.for(small)("cuts $size bytes of seed $seed, period $period, as restic does", (vector) => {
    const data = new Uint8Array(vector.size);
    fillSample(data, vector.seed, vector.period);
    expect(referenceCuts(BigInt(`0x${vector.polynomial}`), data)).toEqual(vector.cuts);
  });

  test("slides its digest to what the definition gives for each window", () => {
    const data = new Uint8Array(2000);
    fillSample(data, 5);
    for (const at of [64, 65, 500, 1999]) plant(data, POLYNOMIAL, at);
    const expected: number[] = [];
    for (let at = 64; at <= data.length; at++) {
      if ((referenceDigest(POLYNOMIAL, data.subarray(at - 64, at)) & 0xfffffn) === 0n) expected.push(at);
    }
    expect(expected).toEqual(expect.arrayContaining([500, 1999]));
    expect(referenceCandidates(POLYNOMIAL, data, 0, data.length)).toEqual(expected);
  });
});
