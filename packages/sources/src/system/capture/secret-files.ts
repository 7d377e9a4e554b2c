/** Which files hold secrets: those that are known by their place, and those that hold a private key. */
import { closeSync, openSync, readSync } from "node:fs";
import { fsPath } from "@holdfast/engine";

/** A path in the capture, and why only few should read it. */
export interface SecretEntry {
  readonly path: string;
  readonly why: string;
}

const BY_PLACE: readonly (readonly [RegExp, string])[] = [
  [/^\/etc\/(shadow|gshadow)-?$/, "hashes of passwords"],
  [/^\/etc\/(security\/opasswd|samba\/(smbpasswd|secrets\.tdb))$/, "hashes of passwords"],
  [/^\/etc\/ssh\/ssh_host_[^/]*_key$/, "private key of the machine's SSH server"],
  [/\/\.ssh\/(id_[^/.]+|identity)$/, "private SSH key"],
  [/\.keytab$/, "Kerberos keys"],
  [/^\/etc\/fstab$/, "options may hold passwords of shares"],
  [/^\/etc\/apt\/sources\.list(\.d\/.*)?$/, "addresses may hold passwords"],
  [/^\/etc\/(kubernetes\/.*\.conf|rancher\/.*\.yaml)$/, "keys of clusters"],
  [/^\/etc\/(bind\/.*|rndc)\.key$/, "keys of name servers"],
  [
    /^\/etc\/(.*\/)?\.?(htpasswd|htdigest|smbcredentials|credentials|secrets|rsyncd\.secrets)$/,
    "passwords by its name",
  ],
  [/\/\.env(\.[^/]+)?$/, "variables, among them passwords"],
  [/\.(p12|pfx|jks|kdbx|gpg\.key|secret|password)$/, "keys or passwords by its name"],
  [/^\/etc\/(ssl|pki\/tls)\/private\/./, "private keys"],
  [/^\/etc\/letsencrypt\/(accounts|keys)\/./, "keys of certificates and accounts"],
  [/^\/etc\/NetworkManager\/system-connections\/./, "passwords of networks"],
  [/^\/etc\/(wpa_supplicant|iwd)\/.*\.(conf|psk|8021x)$/, "passwords of networks"],
  [/^\/etc\/network\/interfaces(\.d\/.*)?$/, "may hold passwords of networks"],
  [/^\/etc\/wireguard\/./, "keys of tunnels"],
  [
    /^\/etc\/(ipsec\.secrets|ipsec\.d\/private\/.*|swanctl\/(private|rsa|ecdsa)\/.*|ppp\/(chap|pap)-secrets)$/,
    "keys of tunnels",
  ],
  [/^\/etc\/apt\/auth\.conf(\.d\/.*)?$/, "passwords of repositories"],
  [/^\/etc\/(cryptsetup-keys\.d\/.*|luks\/.*|crypttab)$/, "keys of encrypted disks, or where they are"],
  [
    /^\/etc\/(sssd\/sssd\.conf|nslcd\.conf|ldap\.secret|pam_ldap\.secret|libnss-ldap\.secret)$/,
    "password of a directory",
  ],
  [/^\/etc\/(mysql\/debian\.cnf|postfix\/sasl_passwd(\.db)?|exim4\/passwd\.client|msmtprc)$/, "password of a service"],
  [/^\/etc\/holdfast\/./, "may hold passwords of repositories"],
  [
    /\/\.(netrc|pgpass|my\.cnf|git-credentials|npmrc|pypirc|s3cfg|boto|vault-token|msmtprc|smbcredentials)$/,
    "passwords",
  ],
  [/\/\.(aws\/credentials|docker\/config\.json|kube\/config|azure\/.*token.*|terraformrc)$/, "keys of services"],
  [/\/\.(config\/(rclone\/rclone\.conf|gh\/hosts\.yml|gcloud\/.*credentials.*))$/, "keys of services"],
  [/\/\.gnupg\/(private-keys-v1\.d\/.*|secring\.gpg)$/, "private PGP keys"],
  [/\/\.[a-z]*(sh|sql|python)_history$/, "commands may hold passwords"],
  [/^\/var\/spool\/(cron|at)\/./, "command lines of users may hold passwords"],
];

/** What is larger is no key. */
const MAX_KEY_BYTES = 64 * 1024;
const PRIVATE_KEY = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY( BLOCK)?|OpenVPN Static key V1)-----/;
/** Keys lie here under any name; elsewhere only files with such endings are opened. */
const ANY_NAME = /^\/((usr\/local\/)?etc\/|root\/([^/]+\/)?[^/]+$)/;
const KEY_NAME = /\.(pem|key|crt|cer)$/;

/** @param path of the system @param place where that is on this machine @returns why it is secret; `undefined` when it is not */
export function whySecret(path: string, place: string): string | undefined {
  const known = BY_PLACE.find(([pattern]) => pattern.test(path));
  if (known !== undefined) return known[1];
  if (!ANY_NAME.test(path) && !KEY_NAME.test(path)) return undefined;
  return PRIVATE_KEY.test(beginning(place)) ? "a private key" : undefined;
}

/** Of what cannot be read nothing is known; the backup itself says that it could not be read. */
function beginning(place: string): string {
  let file: number;
  try {
    file = openSync(fsPath(place), "r");
  } catch {
    return "";
  }
  try {
    const buffer = Buffer.alloc(MAX_KEY_BYTES);
    return buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, 0));
  } catch {
    return "";
  } finally {
    closeSync(file);
  }
}
