/** Hashes of passwords and tokens: what the file of clients holds in place of them. */
import { hash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** 32 MiB and some 80 ms of one core for each guess. */
const COST = { N: 2 ** 15, r: 8, p: 1 } as const;
const HASH_BYTES = 32;
const TOKEN_BYTES = 32;
const MAX_MEMORY = 256 * 1024 * 1024;

const PASSWORD_HASH = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d)\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;
const TOKEN_HASH = /^sha256\$[A-Za-z0-9_-]{43}$/;

/** `scrypt$log2(N)$r$p$salt$hash`, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const derived = await derive(password, salt, COST);
  return ["scrypt", Math.log2(COST.N), COST.r, COST.p, salt.toString("base64url"), derived.toString("base64url")].join(
    "$",
  );
}

/** True for what `hashPassword` returns, with costs that do not exceed what this process may use. */
export function isPasswordHash(text: string): boolean {
  const costs = costsOf(text);
  return (
    costs !== undefined && 128 * costs.N * costs.r <= MAX_MEMORY / 2 && costs.N >= 2 && costs.r >= 1 && costs.p >= 1
  );
}

/** Compares in constant time. False for what is not a hash. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const costs = costsOf(stored);
  const [, , , , salt = "", expected = ""] = PASSWORD_HASH.exec(stored) ?? [];
  if (costs === undefined) return false;
  const derived = await derive(password, Buffer.from(salt, "base64url"), costs);
  return timingSafeEqual(derived, Buffer.from(expected, "base64url"));
}

/** A token of 256 random bits. */
export function newToken(): string {
  return `hft_${randomBytes(TOKEN_BYTES).toString("base64url")}`;
}

/** `sha256$hash`: a token is random, so that guessing it is hopeless whatever a guess costs. */
export function hashToken(token: string): string {
  return `sha256$${hash("sha256", token, "base64url")}`;
}

export function isTokenHash(text: string): boolean {
  return TOKEN_HASH.test(text);
}

/** Compares in constant time. */
export function verifyToken(token: string, stored: string): boolean {
  const actual = Buffer.from(hashToken(token));
  const expected = Buffer.from(stored);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

interface Costs {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

function costsOf(stored: string): Costs | undefined {
  const [, logN, r, p] = PASSWORD_HASH.exec(stored) ?? [];
  return logN === undefined ? undefined : { N: 2 ** Number(logN), r: Number(r), p: Number(p) };
}

function derive(password: string, salt: Uint8Array, costs: Costs): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, HASH_BYTES, { ...costs, maxmem: MAX_MEMORY }, (error, derived) =>
      error === null ? resolve(derived) : reject(error),
    );
  });
}
