/** The disks of a system: as data of our own, and as commands that a person may begin with. */
import { type BlockDevice, DISKS, FSTAB, devicesIn } from "../topics/disks.ts";
import type { Report } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";

const VERSION = 1;

export interface DiskLayout {
  readonly version: typeof VERSION;
  /** Disks with everything on them, as lsblk showed them. Empty when the capture could not ask. */
  readonly disks: readonly BlockDevice[];
  /** By disk: its partition table, for sfdisk. */
  readonly partitionTables: Readonly<Record<string, string>>;
  /** Lines of fstab and crypttab. */
  readonly mounts: readonly string[];
}

export function diskLayout(report: Report): DiskLayout {
  return {
    version: VERSION,
    disks: devicesIn(report.get(DISKS) ?? ""),
    partitionTables: partitionTables(report.get("partitions.txt") ?? ""),
    mounts: linesOf(report.get(FSTAB) ?? ""),
  };
}

/** Each with the words that make it; in the order in which they would be typed. */
export function layoutCommands({ disks, partitionTables: tables, mounts }: DiskLayout): string[] {
  if (disks.length === 0) return ["The capture does not say which disks there were."];
  const lines = disks.flatMap((disk) => commandsOf(disk, tables, 0));
  return [...lines, "", "What was mounted:", ...mounts.filter((line) => !line.startsWith("#"))];
}

function commandsOf(device: BlockDevice, tables: DiskLayout["partitionTables"], depth: number): string[] {
  const { path, type, size = 0, fstype, pttype, children = [] } = device;
  const lines = [`${"  ".repeat(depth)}${path}: ${type}, ${size} bytes${fstype === undefined ? "" : `, ${fstype}`}`];
  const indent = "  ".repeat(depth + 1);
  const table = tables[path];
  if (table !== undefined) {
    lines.push(`${indent}sfdisk ${path} <<END`, ...table.split("\n").map((line) => `${indent}${line}`), `${indent}END`);
  } else if (pttype !== undefined) lines.push(`${indent}(a partition table of kind ${pttype})`);
  const command = makingCommand(device);
  if (command !== undefined) lines.push(`${indent}${command}`);
  return [...lines, ...children.flatMap((child) => commandsOf(child, tables, depth + 1))];
}

/** What makes the content of a device anew, with the same id, so that fstab fits. */
function makingCommand({ path, name, fstype, uuid }: BlockDevice): string | undefined {
  switch (fstype) {
    case "ext2":
    case "ext3":
    case "ext4":
      return `mkfs.${fstype} -U ${uuid} ${path}`;
    case "xfs":
      return `mkfs.xfs -m uuid=${uuid} ${path}`;
    case "btrfs":
      return `mkfs.btrfs --uuid ${uuid} ${path}`;
    case "vfat":
      return `mkfs.vfat -i ${(uuid ?? "").replace("-", "")} ${path}`;
    case "swap":
      return `mkswap --uuid ${uuid} ${path}`;
    case "LVM2_member":
      return `pvcreate --uuid ${uuid} --norestorefile ${path}   # then vgcfgrestore with files/etc/lvm/backup`;
    case "crypto_LUKS":
      return `cryptsetup luksHeaderRestore ${path} --header-backup-file report/luks-headers/${name}.img`;
    case "linux_raid_member":
      return `mdadm --create …   # see report/raid.txt`;
    case "zfs_member":
      return `zpool create …   # see report/zfs.txt`;
    default:
      return undefined;
  }
}

/** From the report's dump of all disks: each begins with its name. */
function partitionTables(text: string): Record<string, string> {
  const tables: Record<string, string> = {};
  let disk: string | undefined;
  for (const line of linesOf(text)) {
    const header = /^# (\/dev\/\S+)$/.exec(line);
    if (header !== null) disk = header[1];
    else if (disk !== undefined) tables[disk] = tables[disk] === undefined ? line : `${tables[disk]}\n${line}`;
  }
  return tables;
}
