/**
 * Keys from passwords: scrypt, with costs measured on the machine at hand when a key is made, as restic does
 * (doc/design.rst, "Keys, Encryption and MAC").
 */
import { randomBytes } from "node:crypto";
import type { Secret } from "@holdfast/base";
import { type ScryptCosts, type ScryptParameters, scryptOnOneThread, scryptOnThreads } from "./scrypt/scrypt.ts";
import type { MasterKey } from "./sealing.ts";

export type { ScryptCosts, ScryptParameters } from "./scrypt/scrypt.ts";

const SALT_BYTES = 64;
const KEY_BYTES = 64;
const MIN_N = 32_768;
const R = 8;
/** Time goes up in proportion to p, so one that is far beyond the target shows that the clock stood still. */
const MAX_P = 64;

/** How a key is derived: on all threads, or by `node:crypto` alone. Both give the same. */
export type Derivation = "threads" | "one-thread";

/**
 * The key that a password gives: scrypt's output split into key of AES-256, key of AES-128, and r of Poly1305. It takes about
 * half a second on one thread by design, and cannot be aborted. The caller has checked the costs.
 */
export async function deriveKey(
  password: Secret | Uint8Array,
  parameters: ScryptParameters,
  derivation: Derivation,
): Promise<MasterKey> {
  const secret = password instanceof Uint8Array ? password : Buffer.from(password.reveal(), "utf8");
  const derive = derivation === "threads" ? scryptOnThreads : scryptOnOneThread;
  const output = await derive(secret, parameters, KEY_BYTES);
  return { encrypt: output.subarray(0, 32), macK: output.subarray(32, 48), macR: output.subarray(48, 64) };
}

/**
 * Costs with which deriving a key takes about `targetMs` here: as much memory as allowed, then p as high as the time
 * allows. Never less than N = 32768, r = 8, p = 1, however slow the machine is.
 *
 * @param measureMs how long one derivation takes
 */
export async function calibrate({
  targetMs = 500,
  maxMemoryBytes = 60 * 1024 * 1024,
  measureMs = timeOfDerivation,
}: {
  targetMs?: number;
  maxMemoryBytes?: number;
  measureMs?: (costs: ScryptCosts) => Promise<number>;
} = {}): Promise<ScryptCosts> {
  const passes = (perPassMs: number): number => Math.max(1, Math.min(MAX_P, Math.floor(targetMs / perPassMs)));
  let N = MIN_N;
  while (128 * R * N * 2 < maxMemoryBytes) N *= 2;
  let onePassMs = await measureMs({ N, r: R, p: 1 });
  while (onePassMs > targetMs && N > MIN_N) {
    N /= 2;
    onePassMs = await measureMs({ N, r: R, p: 1 });
  }
  const p = passes(onePassMs);
  // The first pass pays for fresh memory, so a longer run tells the true pace.
  return { N, r: R, p: p === 1 ? 1 : passes((await measureMs({ N, r: R, p })) / p) };
}

async function timeOfDerivation(costs: ScryptCosts): Promise<number> {
  const start = performance.now();
  // On one thread, so that a key which is made here is as costly as one that restic makes.
  await deriveKey(randomBytes(16), { ...costs, salt: randomBytes(SALT_BYTES) }, "one-thread");
  return performance.now() - start;
}
