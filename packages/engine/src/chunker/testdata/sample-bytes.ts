/**
 * Deterministic bytes for the chunker's tests, the vectors made with restic's chunker, and ways to place candidates.
 */
import { readFileSync } from "node:fs";
import { referenceDigest } from "../reference.ts";

/** One row of `cuts` in restic-vectors.json. */
export interface CutVector {
  readonly polynomial: string;
  readonly seed: number;
  readonly period: number | null;
  readonly size: number;
  readonly cuts: readonly number[];
}

/** What restic's own chunker says; its `note` tells how it was made. */
export const resticVectors = JSON.parse(
  readFileSync(new URL("./restic-vectors.json", import.meta.url), "utf8"),
) as {
  readonly derived: readonly { readonly polynomial: string; readonly seed: number }[];
  readonly judged: readonly { readonly polynomial: string; readonly irreducible: boolean }[];
  readonly cuts: readonly CutVector[];
};

/** An endless sequence of bytes: the highest byte of a 32-bit xorshift. The seed must not be zero. */
export function xorshift(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 24;
  };
}

/** Fills `target` from a seed: zeros for period 0, without repetition for period null, else repeating. */
export function fillSample(target: Uint8Array, seed: number, period: number | null = null): void {
  if (period === 0) {
    target.fill(0);
    return;
  }
  const next = xorshift(seed);
  const fresh = Math.min(target.length, period ?? target.length);
  for (let i = 0; i < fresh; i++) target[i] = next();
  for (let i = fresh; i < target.length; i++) target[i] = target[i - fresh] as number;
}

/**
 * Sets the three bytes before position `at` so that the digest of the 64 before it has these low 20 bits: zero makes
 * it a candidate. The last three bytes are the lowest 24 digits of the polynomial, below reduction, so they can be
 * chosen.
 */
export function plant(data: Uint8Array, polynomial: bigint, at: number, lowTwenty = 0): void {
  data.fill(0, at - 3, at);
  const wanted = Number(referenceDigest(polynomial, data.subarray(at - 64, at)) & 0xfffffn) ^ lowTwenty;
  for (let i = 1; i <= 3; i++) data[at - i] = (wanted >> (8 * (i - 1))) & 0xff;
}
