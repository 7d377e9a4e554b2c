/** The host keys that a user trusts: files in the format of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { matchesPatterns } from "./patterns.ts";

/** One usable line. */
interface KnownHost {
  readonly patterns: string;
  readonly keyType: string;
  /** In base64. */
  readonly key: string;
  readonly isRevoked: boolean;
}

/** What files say of a key that a host has shown. */
export type Verdict = "known" | "unknown" | "changed" | "revoked";

export class KnownHosts {
  readonly #hosts: readonly KnownHost[];

  /** @param texts contents of files, one after the other; lines that are not understood are skipped */
  constructor(...texts: string[]) {
    this.#hosts = texts.flatMap((text) => text.split("\n").flatMap(parseLine));
  }

  /** The types of the keys that are known of a host, for asking the host for one of those. */
  keyTypes(host: string, port: number): readonly string[] {
    const known = this.#of(host, port).filter(({ isRevoked }) => !isRevoked);
    return [...new Set(known.map(({ keyType }) => keyType))];
  }

  /** Judges the key (as it came over the wire) of the host that was reached by a name and a port. */
  judge(host: string, port: number, key: Uint8Array): Verdict {
    const shown = Buffer.from(key).toString("base64");
    const known = this.#of(host, port);
    if (this.#hosts.some((entry) => entry.isRevoked && entry.key === shown)) return "revoked";
    const trusted = known.filter(({ isRevoked }) => !isRevoked);
    if (trusted.some((entry) => entry.key === shown)) return "known";
    return trusted.length > 0 ? "changed" : "unknown";
  }

  /** As ssh does: under the name with its port, and when there is nothing, under the name alone. */
  #of(host: string, port: number): readonly KnownHost[] {
    const exact = this.#hosts.filter(({ patterns }) => isMeant(patterns, nameOf(host, port)));
    return exact.length > 0 || port === 22
      ? exact
      : this.#hosts.filter(({ patterns }) => isMeant(patterns, nameOf(host, 22)));
  }
}

/** `SHA256:…`, as ssh shows it. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

/** The type that stands at the front of a key. */
export function keyTypeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  return bytes.length < 4 ? "" : bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0));
}

/** The line by which a key becomes known. */
export function knownHostLine(host: string, port: number, key: Uint8Array): string {
  return `${nameOf(host, port)} ${keyTypeOf(key)} ${Buffer.from(key).toString("base64")}`;
}

function nameOf(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function parseLine(line: string): KnownHost[] {
  const words = line.trim().split(/\s+/);
  if (words[0]?.startsWith("#") === true) return [];
  const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined;
  const [patterns, keyType, key] = words;
  // Keys of authorities sign host keys, which this program does not read.
  if (marker !== undefined && marker !== "@revoked") return [];
  if (patterns === undefined || keyType === undefined || key === undefined) return [];
  // Spelt as we spell it, so that equal keys are equal texts.
  return [{ patterns, keyType, key: Buffer.from(key, "base64").toString("base64"), isRevoked: marker !== undefined }];
}

function isMeant(patterns: string, name: string): boolean {
  if (patterns.startsWith("|1|")) return isHashOf(patterns, name);
  return matchesPatterns(patterns.split(","), name);
}

/** `|1|salt|hash`: the HMAC-SHA-1 of the name. */
function isHashOf(text: string, name: string): boolean {
  const [, , salt = "", hash = ""] = text.split("|");
  const expected = Buffer.from(hash, "base64");
  const actual = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
