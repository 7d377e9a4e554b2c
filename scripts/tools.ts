// Programs of the system that tests compare with or work on. Tests that need an absent one are skipped, which `npm test` says.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program and the Debian package that brings it. */
export interface Tool {
  readonly program: string;
  readonly debianPackage: string;
}

/** Every program that some test uses. `.ci/run` installs them all. */
export const tools: readonly Tool[] = [
  { program: "restic", debianPackage: "restic" },
  { program: "borg", debianPackage: "borgbackup" },
  { program: "rsync", debianPackage: "rsync" },
  { program: "getfattr", debianPackage: "attr" },
  { program: "setfattr", debianPackage: "attr" },
  { program: "getfacl", debianPackage: "acl" },
  { program: "setfacl", debianPackage: "acl" },
  { program: "zsh", debianPackage: "zsh" },
  { program: "fish", debianPackage: "fish" },
  { program: "man", debianPackage: "man-db" },
  { program: "rclone", debianPackage: "rclone" },
  { program: "apache2", debianPackage: "apache2-bin" },
  { program: "openssl", debianPackage: "openssl" },
  { program: "setpriv", debianPackage: "util-linux" },
  { program: "ps", debianPackage: "procps" },
  { program: "ss", debianPackage: "iproute2" },
  { program: "mkfs.btrfs", debianPackage: "btrfs-progs" },
  { program: "ceph-mon", debianPackage: "ceph-mon" },
  { program: "ceph-osd", debianPackage: "ceph-osd" },
  { program: "radosgw", debianPackage: "radosgw" },
  { program: "ceph", debianPackage: "ceph-common" },
  { program: "sshd", debianPackage: "openssh-server" },
  { program: "ssh", debianPackage: "openssh-client" },
  { program: "ssh-keygen", debianPackage: "openssh-client" },
];

/** The tools that are in none of the folders of `path` (the form of the environment's PATH). */
export function absentTools(path: string): readonly Tool[] {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return tools.filter(({ program }) => !folders.some((folder) => isExecutable(join(folder, program))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
