/**
 * Polynomials over GF(2) for the chunker, and the making of one for a new repository. Bit i of the bigint is the
 * coefficient of x^i. Every repository has its own (`chunker_polynomial` in its config), so that chunk sizes do not
 * betray known files.
 */
import { randomBytes as systemRandomBytes } from "node:crypto";
import { engineError } from "../errors.ts";

const DEGREE = 53;
/** One random polynomial in about 26 is irreducible; this many failures mean a broken source of randomness. */
const MAX_TRIES = 100_000;

/**
 * A random irreducible polynomial of degree 53, for a new repository.
 *
 * Drawn as restic does: eight bytes, little-endian, without the bits above the 53rd, with the highest and the lowest
 * bit set; again until it is irreducible.
 *
 * @param randomBytes gives that many random bytes; the system's secure source unless told otherwise.
 */
export function randomPolynomial(randomBytes: (n: number) => Uint8Array = systemRandomBytes): bigint {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const bytes = randomBytes(8);
    const drawn = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
    const candidate = BigInt.asUintN(DEGREE, drawn) | (1n << BigInt(DEGREE)) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
  throw new Error("the source of randomness yields no irreducible polynomial");
}

/**
 * True when `p` has no factor of a lower degree but 1. Constants are not irreducible.
 *
 * Ben-Or's test: x^(2^i) - x is the product of all irreducible polynomials whose degree divides i, so a `p` of degree n
 * without a common factor with any of them for i up to n / 2 has no proper factor.
 *
 * @see S. Gao and D. Panario, "Tests and constructions of irreducible polynomials over finite fields", 1997
 */
export function isIrreducible(p: bigint): boolean {
  const degree = degreeOf(p);
  if (degree < 1) return false;
  let power = 2n;
  for (let i = 1; i <= degree / 2; i++) {
    power = squareModulo(power, p);
    if (greatestCommonDivisor(p, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/**
 * The polynomial of a config file's `chunker_polynomial`: hexadecimal digits of either case.
 *
 * @throws ENGINE_CONFIG_BROKEN when it is not that, not of degree 53, or not irreducible.
 */
export function parsePolynomial(hex: string): bigint {
  // 14 digits hold 54 bits; leading zeros are harmless, but nothing long is worth a look.
  if (!/^[0-9a-f]{1,16}$/i.test(hex)) throw broken("the chunker polynomial is not a hexadecimal number of 64 bits");
  const polynomial = BigInt(`0x${hex}`);
  if (degreeOf(polynomial) !== DEGREE) throw broken(`the chunker polynomial is not of degree ${DEGREE}`);
  if (!isIrreducible(polynomial)) throw broken("the chunker polynomial is reducible");
  return polynomial;
}

/** The form of `chunker_polynomial` in a config file: lower-case hexadecimal without leading zeros. */
export function formatPolynomial(p: bigint): string {
  return p.toString(16);
}

/** Degree of `p`; -1 for zero. */
function degreeOf(p: bigint): number {
  return p === 0n ? -1 : p.toString(2).length - 1;
}

function remainder(dividend: bigint, divisor: bigint): bigint {
  const degree = degreeOf(divisor);
  for (let excess = degreeOf(dividend) - degree; excess >= 0; excess = degreeOf(dividend) - degree) {
    dividend ^= divisor << BigInt(excess);
  }
  return dividend;
}

/** Squaring over GF(2) puts a zero between any two coefficients; in base 4, the binary digits read just so. */
function squareModulo(p: bigint, modulus: bigint): bigint {
  let square = 0n;
  for (const digit of p.toString(2)) square = (square << 2n) | BigInt(digit);
  return remainder(square, modulus);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, remainder(a, b)];
  return a;
}

function broken(reason: string): Error {
  return engineError("ENGINE_CONFIG_BROKEN", { reason });
}
