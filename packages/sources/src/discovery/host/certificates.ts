/** Certificates and the private keys that belong to them. A key is compared and forgotten; nothing of it is kept. */
import { type KeyObject, X509Certificate, createPrivateKey } from "node:crypto";
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
  /** `undefined` when it is encrypted. */
  readonly key: KeyObject | undefined;
}

/**
 * Certificates in these files, each with its key where one lies in the same folder, or is the only one that fits.
 * @param paths of PEM files; @param root stands before each when it is read
 */
export function readCertificates(paths: readonly string[], root: string): HostCertificate[] {
  const keys: KeyFile[] = [];
  const found: { readonly path: string; readonly certificate: X509Certificate }[] = [];
  for (const path of paths) {
    const text = textOf(root + path, MOST_BYTES) ?? "";
    if (PRIVATE_KEY.test(text)) keys.push({ path, key: parsedKey(text) });
    const certificate = parsedCertificate(text);
    if (certificate !== undefined) found.push({ path, certificate });
  }
  return found.map(({ path, certificate }) => {
    const sure = keys.find(({ key }) => key !== undefined && certificate.checkPrivateKey(key));
    const guess = keys.find((each) => each.key === undefined && (each.path === path || isNamedAlike(each.path, path)));
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

function parsedKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text.slice(text.search(PRIVATE_KEY)));
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
