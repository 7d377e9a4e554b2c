import { describe, expect, test } from "vitest";
import { judgedMounts } from "./mount-natures.ts";

const line = (id: number, device: string, root: string, point: string, type: string, source = "none"): string =>
  `${id} 1 ${device} ${root} ${point} rw,relatime shared:1 - ${type} ${source} rw`;

const natures = (...lines: string[]): Record<string, string> =>
  Object.fromEntries(judgedMounts(lines.join("\n")).map(({ point, nature }) => [point, nature]));

describe("mounts", () => {
  test.for<[type: string, point: string, nature: string]>([
    ["ext4", "/", "local"],
    ["xfs", "/srv", "local"],
    ["zfs", "/tank", "local"],
    ["fuseblk", "/media/disk", "local"],
    ["nfs4", "/mnt/nas", "remote"],
    ["cifs", "/mnt/share", "remote"],
    ["fuse.sshfs", "/mnt/there", "remote"],
    ["9p", "/mnt/host", "remote"],
    ["tmpfs", "/run", "memory"],
    ["proc", "/proc", "pseudo"],
    ["cgroup2", "/sys/fs/cgroup", "pseudo"],
    ["squashfs", "/snap/core/1", "image"],
    ["overlay", "/", "local"],
    ["overlay", "/var/lib/docker/overlay2/1/merged", "again"],
  ])("%s at %s is %s", ([type, point, nature]) => {
    expect(natures(line(1, "8:1", "/", point, type))).toEqual({ [point]: nature });
  });

  test("what is shown in two places is counted in the first; subvolumes that lie beside one another are two", () => {
    expect(
      natures(
        line(1, "8:1", "/", "/", "ext4"),
        line(2, "8:1", "/srv/data", "/bound", "ext4"),
        line(3, "0:30", "/@", "/b", "btrfs"),
        line(4, "0:30", "/@home", "/b/home", "btrfs"),
        line(5, "0:30", "/@home/ann", "/ann", "btrfs"),
      ),
    ).toEqual({ "/": "local", "/bound": "again", "/b": "local", "/b/home": "local", "/ann": "again" });
  });

  test("names with spaces are read, and lines that are none are passed over", () => {
    expect(judgedMounts(`${line(1, "8:2", "/", "/media/my\\040disk", "ext4", "/dev/sdb1")}\nnonsense\n`)).toEqual([
      { point: "/media/my disk", type: "ext4", device: "/dev/sdb1", nature: "local" },
    ]);
  });
});
