/** Certificates whose private keys lie here, by folder. */
import type { Finding } from "../candidate.ts";
import type { HostCertificate } from "../host/certificates.ts";
import type { HostView } from "../host/host-view.ts";
import { above } from "../walk/folder-sizes.ts";

const LETS_ENCRYPT = /^(\/etc\/letsencrypt)\/archive\//;
/** What Debian makes when it is installed. */
const SNAKEOIL = /ssl-cert-snakeoil/;
const OF_TESTS = /^\/(usr\/local|opt|home|root)\/.*\/(testdata|tests?|examples?|fixtures|src)\//;

/** One for each folder; a certificate without its key is public, and no loss. */
export function findCertificates(view: HostView): Finding[] {
  const folders = new Map<string, HostCertificate[]>();
  for (const certificate of view.certificates) {
    if (certificate.keyPath === undefined) continue;
    const folder = above(certificate.path);
    folders.set(folder, [...(folders.get(folder) ?? []), certificate]);
  }
  return [...folders].map(([folder, certificates]) => ofFolder(view, folder, certificates));
}

function ofFolder(view: HostView, folder: string, certificates: readonly HostCertificate[]): Finding {
  const newest = certificates.reduce((best, each) => (each.expiresMs > best.expiresMs ? each : best));
  const names = [...new Set(certificates.flatMap((each) => each.names))];
  const expires = new Date(newest.expiresMs).toISOString().slice(0, 10);
  const isOver = newest.expiresMs < view.nowMs;
  const paths = [...new Set(certificates.flatMap(({ path, keyPath }) => [path, keyPath as string]))];
  const [criticality, reason] = judged(certificates, isOver);
  return {
    id: `files:${folder}#certificates`,
    category: "certificate",
    kind: "files",
    title: `${names.slice(0, 3).join(", ") || "certificate"}${names.length > 3 ? ` and ${names.length - 3} more` : ""}, ${isOver ? "expired" : "until"} ${expires}`,
    paths,
    confidence: certificates.every(({ isKeyCertain }) => isKeyCertain) ? "certain" : "likely",
    evidence: `${newest.path} and its key ${newest.keyPath ?? ""}${newest.isKeyCertain ? "" : " (encrypted, so not compared)"}`,
    criticality,
    reason,
    needs: view.unseen.isRoot ? [] : [{ what: "rights", detail: "whoever may read the keys" }],
    settings: { paths: [folder] },
  };
}

function judged(certificates: readonly HostCertificate[], isOver: boolean): [Finding["criticality"], string] {
  if (certificates.every(({ path }) => OF_TESTS.test(path)))
    return ["replaceable", "it lies among tests or examples of a program"];
  if (!isOver && certificates.some(({ isAuthority }) => isAuthority)) {
    return ["critical", "the key of an authority: all that it has signed hangs on it"];
  }
  if (certificates.every(({ path }) => SNAKEOIL.test(path)))
    return ["replaceable", "Debian makes it when ssl-cert is installed"];
  if (isOver) return ["normal", "all of its certificates have expired"];
  if (certificates.every(({ path }) => LETS_ENCRYPT.test(path)))
    return ["normal", "a new one can be had at once, as long as names and account are known"];
  return ["important", "with the key gone, a new certificate must be bought or signed"];
}
