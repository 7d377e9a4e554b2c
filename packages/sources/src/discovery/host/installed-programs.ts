/** Programs that captures need, and the Debian packages that bring them. */
import { namesIn } from "./quiet-reads.ts";

/** By program. */
export const PACKAGES: Readonly<Record<string, string>> = {
  pg_dump: "postgresql-client",
  pg_dumpall: "postgresql-client",
  pg_basebackup: "postgresql-client",
  mysqldump: "default-mysql-client",
  "mariadb-dump": "mariadb-client",
  "redis-cli": "redis-tools",
  "valkey-cli": "valkey-tools",
  etcdctl: "etcd-client",
  slapcat: "slapd",
  mongodump: "mongo-tools",
  virsh: "libvirt-clients",
  "qemu-img": "qemu-utils",
};

const FOLDERS = ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];
const POSTGRES = "/usr/lib/postgresql";

/** Those that are there. @param root stands before each path when it is read */
export function installedPrograms(root: string): Set<string> {
  const found = new Set<string>();
  const versions = namesIn(root + POSTGRES).map((version) => `${POSTGRES}/${version}/bin`);
  for (const folder of [...FOLDERS, ...versions]) {
    for (const name of namesIn(root + folder)) if (name in PACKAGES) found.add(name);
  }
  return found;
}
