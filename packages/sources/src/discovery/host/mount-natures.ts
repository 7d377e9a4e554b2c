/** What is mounted where, and what of it holds data of this machine. */
import { statfsSync } from "node:fs";
import { isWithin } from "@holdfast/base";
import { fsPath } from "@holdfast/engine";
import { parseMounts } from "../../host/mounts.ts";

/**
 * `local`: data of this machine. `remote`: somebody else's, reached over a network or a program. `memory`: gone after a restart.
 * `image`: read-only, made by somebody who has it. `pseudo`: no data at all. `again`: shown elsewhere already.
 */
export type MountNature = "local" | "remote" | "memory" | "image" | "pseudo" | "again";

export interface HostMount {
  readonly point: string;
  readonly type: string;
  /** `/dev/sda1`, `nas:/export`. */
  readonly device: string;
  readonly nature: MountNature;
  /** Of the whole file system; `undefined` when it was not asked or did not answer. */
  readonly totalBytes: number | undefined;
  readonly usedBytes: number | undefined;
}

const PSEUDO = words(
  "proc sysfs devtmpfs devpts cgroup cgroup2 securityfs debugfs tracefs pstore bpf configfs fusectl mqueue hugetlbfs autofs",
  "binfmt_misc rpc_pipefs nsfs selinuxfs efivarfs smackfs nfsd fuse.gvfsd-fuse fuse.portal fuse.lxcfs fuse.snapfuse",
);
const MEMORY = words("tmpfs ramfs");
const IMAGES = words("squashfs iso9660 udf erofs cramfs romfs");
const REMOTE = words("nfs nfs4 cifs smb3 smbfs 9p virtiofs ceph glusterfs afs lustre beegfs orangefs ncpfs coda davfs");
/** File systems of local disks that happen to be programs. */
const LOCAL_PROGRAMS = words("fuseblk fuse.ntfs-3g fuse.exfat fuse.mergerfs fuse.bindfs fuse.zfs fuse.unionfs");

/** @param text of `/proc/self/mountinfo` */
export function judgedMounts(text: string): Omit<HostMount, "totalBytes" | "usedBytes">[] {
  const shown = new Map<string, string[]>();
  const mounts = new Map<string, Omit<HostMount, "totalBytes" | "usedBytes">>();
  for (const { id, root, point, type, device } of parseMounts(text)) {
    let nature = natureOf(type, point);
    const roots = shown.get(id) ?? [];
    if (nature === "local" || nature === "remote") {
      if (roots.some((each) => isWithin(root, each))) nature = "again";
      else shown.set(id, [...roots, root]);
    }
    // What is mounted over another is what is seen there.
    mounts.set(point, { point, type, device, nature });
  }
  return [...mounts.values()];
}

/** What a path lies on: the mount point nearest above it. */
export function mountOf<Mount extends Pick<HostMount, "point">>(
  path: string,
  mounts: readonly Mount[],
): Mount | undefined {
  const around = mounts.filter(({ point }) => isWithin(path, point));
  return around.reduce<Mount | undefined>(
    (a, b) => (a !== undefined && a.point.length > b.point.length ? a : b),
    undefined,
  );
}

/** With sizes of file systems that hold data here; what is remote may hang, and is not asked. */
export function withSizes(mounts: ReturnType<typeof judgedMounts>, root: string): HostMount[] {
  return mounts.map((mount) => {
    if (mount.nature !== "local" || root !== "") return { ...mount, totalBytes: undefined, usedBytes: undefined };
    try {
      const { bsize, blocks, bfree } = statfsSync(fsPath(mount.point));
      return { ...mount, totalBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize };
    } catch {
      return { ...mount, totalBytes: undefined, usedBytes: undefined };
    }
  });
}

function natureOf(type: string, point: string): MountNature {
  if (PSEUDO.has(type)) return "pseudo";
  if (MEMORY.has(type)) return "memory";
  if (IMAGES.has(type)) return "image";
  // The layers of a container belong to its engine, unless we are in one.
  if (type === "overlay" || type === "aufs" || type === "fuse.fuse-overlayfs") return point === "/" ? "local" : "again";
  if (REMOTE.has(type)) return "remote";
  if (type.startsWith("fuse") && !LOCAL_PROGRAMS.has(type)) return "remote";
  return "local";
}

function words(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(" ")));
}
