/** Files for tests: their names are the SHA-256 of their content, as in a repository. */
import { hash } from "node:crypto";
import type { FileKey, FileType } from "../backend.ts";

/** A key with the bytes that belong to it. */
export interface SampleFile {
  readonly key: FileKey;
  readonly bytes: Uint8Array;
}

/** Reproducible bytes: equal seeds give equal bytes. */
export function sampleBytes(sizeBytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  // Xorshift32; the seed is spread first, as small seeds would begin alike, and must not be 0.
  let state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** A file of `type` with reproducible content and the name that follows from it. */
export function sampleFile(type: FileType, sizeBytes: number, seed = 0): SampleFile {
  const bytes = sampleBytes(sizeBytes, seed);
  return { key: { type, name: type === "config" ? "" : sha256(bytes) }, bytes };
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}
