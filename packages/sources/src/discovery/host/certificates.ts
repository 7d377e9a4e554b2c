/** Certificates and the private keys that belong to them. A key is compared and forgotten; nothing of it is kept. */
import { type KeyObject, X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { above } from "../walk/folder-sizes.ts";
import { textOf } from "./read-start.ts";

export interface HostCertificate {
  readonly path: string;
  /** The file of its private key; `undefined` when none was found. */
  readonly keyPath: string | undefined;
  /** False where the key is only presumed to belong to it, as it is encrypted. */
  readonly isKeyCertain: boolean;
  /** Names that it is for; the common name where it has no others. */
  readonly names: readonly string[];
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  /** It signs other certificates. */
  readonly isAuthority: boolean;
}

const MOST_BYTES = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/;
const PRIVATE_KEY = /-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----/;
/** More certificates in one file are a list of authorities to trust, which a package brings. */
const MOST_IN_A_FILE = 10;

interface KeyFile {
  readonly path: string;
  /** Of its public half; `undefined` when it is encrypted. */
  readonly identity: string | undefined;
}

/**
 * Certificates in these files, each with its key where that is in one of them.
 * @param paths of PEM files; @param root stands before each when it is read
 */
export function readCertificates(paths: readonly string[], root: string): HostCertificate[] {
  const keys: KeyFile[] = [];
  const found: { readonly path: string; readonly certificate: X509Certificate }[] = [];
  for (const path of paths) {
    const text = textOf(root + path, MOST_BYTES) ?? "";
    if (PRIVATE_KEY.test(text)) keys.push({ path, identity: identityOf(() => publicHalf(text)) });
    const certificate = parsedCertificate(text);
    if (certificate !== undefined) found.push({ path, certificate });
  }
  const byIdentity = new Map(keys.map((each) => [each.identity, each]));
  return found.map(({ path, certificate }) => {
    const identity = identityOf(() => certificate.publicKey);
    const sure = identity === undefined ? undefined : byIdentity.get(identity);
    const guess = keys.find(
      (each) => each.identity === undefined && (each.path === path || isNamedAlike(each.path, path)),
    );
    return {
      path,
      keyPath: (sure ?? guess)?.path,
      isKeyCertain: sure !== undefined,
      names: namesOf(certificate),
      issuer: fieldOf(certificate.issuer, "O") ?? fieldOf(certificate.issuer, "CN") ?? "",
      expiresMs: certificate.validToDate.getTime(),
      isAuthority: certificate.ca,
    };
  });
}

function parsedCertificate(text: string): X509Certificate | undefined {
  const blocks = text.split("-----BEGIN CERTIFICATE-----").length - 1;
  const first = CERTIFICATE.exec(text)?.[0];
  if (first === undefined || blocks > MOST_IN_A_FILE) return undefined;
  try {
    return new X509Certificate(first);
  } catch {
    return undefined;
  }
}

function publicHalf(text: string): KeyObject {
  return createPublicKey(createPrivateKey(text.slice(text.search(PRIVATE_KEY))));
}

/** The same for a certificate and for its key; `undefined` for what cannot be read without a passphrase. */
function identityOf(publicKey: () => KeyObject): string | undefined {
  try {
    return publicKey().export({ type: "spki", format: "der" }).toString("base64");
  } catch {
    return undefined;
  }
}

/** `server.crt` and `server.key`, or both in one folder of their own. */
function isNamedAlike(key: string, certificate: string): boolean {
  const stem = (path: string): string => path.replace(/\.[^./]+$/, "");
  return stem(key) === stem(certificate) && above(key) === above(certificate);
}

function namesOf(certificate: X509Certificate): string[] {
  const others = [...(certificate.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name as string);
  if (others.length > 0) return others;
  return [fieldOf(certificate.subject, "CN") ?? fieldOf(certificate.subject, "O") ?? ""].filter((name) => name !== "");
}

function fieldOf(text: string | undefined, field: string): string | undefined {
  return new RegExp(`^${field}=(.*)$`, "m").exec(text ?? "")?.[1];
}
