import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatPolynomial, isIrreducible, parsePolynomial, randomPolynomial } from "./polynomial.ts";
import { resticVectors, xorshift } from "./testdata/sample-bytes.ts";

function source(seed: number): (n: number) => Uint8Array {
  const next = xorshift(seed);
  return (n) => Uint8Array.from({ length: n }, next);
}

/** All products of two polynomials of degree 1 and above, up to `degree`: what is reducible, by definition. */
function products(degree: number): Set<bigint> {
  const found = new Set<bigint>();
  const limit = 1n << BigInt(degree + 1);
  for (let a = 2n; a < limit; a++) {
    for (let b = a; b < limit; b++) {
      let product = 0n;
      for (let i = 0n; b >> i !== 0n; i++) if ((b >> i) & 1n) product ^= a << i;
      if (product >= limit) break;
      found.add(product);
    }
  }
  return found;
}

describe("isIrreducible", () => {
  test.for(resticVectors.judged)("judges $polynomial as restic does", ({ polynomial, irreducible }) => {
    expect(isIrreducible(BigInt(`0x${polynomial}`))).toBe(irreducible);
  });

  test("agrees with trial multiplication for every polynomial up to degree 9", () => {
    const reducible = products(9);
    for (let p = 2n; p < 1024n; p++) expect(isIrreducible(p), `0b${p.toString(2)}`).toBe(!reducible.has(p));
  });

  test("refuses constants", () => {
    expect([0n, 1n].map(isIrreducible)).toEqual([false, false]);
  });
});

describe("randomPolynomial", () => {
  test.for(resticVectors.derived)("draws from seed $seed what restic draws", ({ polynomial, seed }) => {
    expect(formatPolynomial(randomPolynomial(source(seed)))).toBe(polynomial);
  });

  test("is irreducible, of degree 53 and different every time with the system's randomness", () => {
    const made = Array.from({ length: 5 }, () => randomPolynomial());
    for (const polynomial of made) {
      expect(polynomial >> 53n).toBe(1n);
      expect(isIrreducible(polynomial)).toBe(true);
    }
    expect(new Set(made).size).toBe(5);
  });

  test("gives up on a source that is stuck", () => {
    expect(() => randomPolynomial((n) => new Uint8Array(n))).toThrow("source of randomness");
  });
});

describe("parsePolynomial", () => {
  test("reads back what formatPolynomial writes, in either case and with leading zeros", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7fffffff }), (seed) => {
        const polynomial = randomPolynomial(source(seed));
        const text = formatPolynomial(polynomial);
        expect(text).toMatch(/^[23][0-9a-f]{13}$/);
        expect(parsePolynomial(text)).toBe(polynomial);
        expect(parsePolynomial(text.toUpperCase())).toBe(polynomial);
        expect(parsePolynomial(`00${text}`)).toBe(polynomial);
      }),
      { numRuns: 10 },
    );
  });

  test.for([
    ["", "not a hexadecimal"],
    ["0x3da3358b4dc173", "not a hexadecimal"],
    ["3da3358b4dc17g", "not a hexadecimal"],
    [" 3da3358b4dc173", "not a hexadecimal"],
    ["3da3358b4dc173\n", "not a hexadecimal"],
    ["1".repeat(10_000), "not a hexadecimal"],
    ["0", "not of degree 53"],
    ["7", "not of degree 53"],
    ["7da3358b4dc173", "not of degree 53"],
    ["1da3358b4dc173", "not of degree 53"],
    ["3da3358b4dc171", "reducible"],
  ] as const)("refuses %j", ([text, reason]) => {
    expect(() => parsePolynomial(text)).toThrow(
      expect.objectContaining({ code: "ENGINE_CONFIG_BROKEN", message: expect.stringContaining(reason) }),
    );
  });
});
