/** What is mounted where, and what of it holds data of this machine. */
import { statfsSync } from "node:fs";
import { fsPath } from "@holdfast/engine";

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

interface Line {
  readonly device: string;
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
}

/** @param text of `/proc/self/mountinfo` */
export function parseMounts(text: string): Omit<HostMount, "totalBytes" | "usedBytes">[] {
  const shown = new Map<string, string[]>();
  const mounts = new Map<string, Omit<HostMount, "totalBytes" | "usedBytes">>();
  for (const { device, root, point, type, source } of text.split("\n").flatMap((line) => parsedLine(line) ?? [])) {
    let nature = natureOf(type, point);
    const roots = shown.get(device) ?? [];
    if (nature === "local" || nature === "remote") {
      if (roots.some((each) => root === each || root.startsWith(each === "/" ? "/" : `${each}/`))) nature = "again";
      else shown.set(device, [...roots, root]);
    }
    // What is mounted over another is what is seen there.
    mounts.set(point, { point, type, device: source, nature });
  }
  return [...mounts.values()];
}

/** With sizes of file systems that hold data here; what is remote may hang, and is not asked. */
export function withSizes(mounts: ReturnType<typeof parseMounts>, root: string): HostMount[] {
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

/** The mount that a path lies on. */
export function mountOf(mounts: readonly HostMount[], path: string): HostMount | undefined {
  let best: HostMount | undefined;
  for (const mount of mounts) {
    const { point } = mount;
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (holds && point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
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

function parsedLine(line: string): Line | undefined {
  const [front = "", back = ""] = line.split(" - ");
  const [, , device, root, point] = front.split(" ");
  const [type, source = ""] = back.split(" ");
  if (device === undefined || root === undefined || point === undefined || type === undefined || type === "")
    return undefined;
  return { device, root: unescaped(root), point: unescaped(point), type, source: unescaped(source) };
}

/** Spaces and the like are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function words(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(" ")));
}
