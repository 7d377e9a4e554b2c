/**
 * The chunker in its plainest form, bit by bit and without tables: what the fast one is tested against. About 20 MB/s.
 */
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, WINDOW_BYTES } from "./limits.ts";

/** Digest bits that must be zero where a cut may be placed: chunks of 1 MiB above the minimum, on average. */
const SPLIT_MASK = 0xfffff;

/** A digest of 53 bits in two numbers, 21 bits above 32. */
interface Digest {
  high: number;
  low: number;
}

/** `bytes` read as a polynomial, first byte highest, modulo the polynomial: the definition of the digest. */
export function referenceDigest(polynomial: bigint, bytes: Uint8Array): bigint {
  let digest = 0n;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      digest = (digest << 1n) | BigInt((byte >> bit) & 1);
      if (digest >> 53n !== 0n) digest ^= polynomial;
    }
  }
  return digest;
}

/** Every position c with `from` < c <= `to`, and c >= 64, whose preceding 64 bytes have a digest that may be cut. */
export function referenceCandidates(polynomial: bigint, data: Uint8Array, from: number, to: number): number[] {
  const found: number[] = [];
  const leaving = digestsOfLeavingBytes(polynomial);
  const digest: Digest = { high: 0, low: 0 };
  const first = Math.max(from + 1, WINDOW_BYTES);
  for (let at = first - WINDOW_BYTES; at < to; at++) {
    append(digest, data[at] as number, polynomial);
    if (at >= first) {
      const leaves = leaving[data[at - WINDOW_BYTES] as number] as Digest;
      digest.high ^= leaves.high;
      digest.low ^= leaves.low;
    }
    if (at + 1 >= first && (digest.low & SPLIT_MASK) === 0) found.push(at + 1);
  }
  return found;
}

/** The ends of all chunks of a file with this content, in order. */
export function referenceCuts(polynomial: bigint, data: Uint8Array): number[] {
  const allowed = new Set(referenceCandidates(polynomial, data, 0, data.length));
  const cuts: number[] = [];
  for (let start = 0, at = 1; at <= data.length; at++) {
    const size = at - start;
    if (at === data.length || size === MAX_CHUNK_BYTES || (size >= MIN_CHUNK_BYTES && allowed.has(at))) {
      cuts.push(at);
      start = at;
    }
  }
  return cuts;
}

function append(digest: Digest, byte: number, polynomial: bigint): void {
  const polynomialHigh = Number(polynomial >> 32n);
  const polynomialLow = Number(polynomial & 0xffffffffn) | 0;
  for (let bit = 7; bit >= 0; bit--) {
    digest.high = (digest.high << 1) | (digest.low >>> 31);
    digest.low = (digest.low << 1) | ((byte >> bit) & 1);
    if (digest.high >= 1 << 21) {
      digest.high ^= polynomialHigh;
      digest.low ^= polynomialLow;
    }
  }
}

/** For each byte, what it still adds to the digest when 64 more bytes have followed it. */
function digestsOfLeavingBytes(polynomial: bigint): Digest[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const digest: Digest = { high: 0, low: 0 };
    append(digest, byte, polynomial);
    for (let i = 0; i < WINDOW_BYTES; i++) append(digest, 0, polynomial);
    return digest;
  });
}
