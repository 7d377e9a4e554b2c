/** The disks of a system: as data of our own, and as commands that a person may begin with. */
import { z } from "zod";
import { storedJson } from "../../contract/stored-value.ts";
import { REPORT } from "../capture/layout.ts";
import { type BlockDevice, DISKS, FSTAB } from "../topics/disks.ts";
import type { Report } from "../topics/collect.ts";
import { linesOf } from "../topics/normalise.ts";

const VERSION = 1;

const DEVICE: z.ZodType<BlockDevice> = z.looseObject({
  name: z.string(),
  path: z.string(),
  type: z.string(),
  size: z.number().exactOptional(),
  fstype: z.string().exactOptional(),
  pttype: z.string().exactOptional(),
  uuid: z.string().exactOptional(),
  mountpoints: z.array(z.string()).exactOptional(),
  children: z.lazy(() => z.array(DEVICE)).exactOptional(),
});
const DEVICES = z.looseObject({ blockdevices: z.array(DEVICE).default([]) });

/** What may stand in a command that a person copies: nothing that a shell would read as more than a word. */
const SOUND_PATH = /^\/dev\/[A-Za-z0-9][A-Za-z0-9/._+:=@-]*$/;
const SOUND_NAME = /^[A-Za-z0-9][A-Za-z0-9._+:=@-]*$/;
const SOUND_ID = /^[A-Za-z0-9][A-Za-z0-9-]*$/;

export interface DiskLayout {
  readonly version: typeof VERSION;
  /** Disks with everything on them, as lsblk showed them. Empty when the capture could not ask. */
  readonly disks: readonly BlockDevice[];
  /** By disk: its partition table, for sfdisk. */
  readonly partitionTables: Readonly<Record<string, string>>;
  /** Lines of fstab and crypttab. */
  readonly mounts: readonly string[];
}

/** @throws SOURCES_DAMAGED */
export function diskLayout(report: Report): DiskLayout {
  const disks = report.get(DISKS);
  return {
    version: VERSION,
    disks: disks === undefined ? [] : storedJson(DEVICES, Buffer.from(disks), `${REPORT}/${DISKS}`).blockdevices,
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
  const { name, path, type, size = 0, fstype, pttype, children = [] } = device;
  const lines = [`${"  ".repeat(depth)}${path}: ${type}, ${size} bytes${fstype === undefined ? "" : `, ${fstype}`}`];
  const indent = "  ".repeat(depth + 1);
  const isSound = SOUND_PATH.test(path) && !path.includes("..") && SOUND_NAME.test(name);
  const table = isSound ? tables[path] : undefined;
  if (table !== undefined) {
    const rows = table.split("\n").filter((line) => line.trim() !== "END");
    lines.push(`${indent}sfdisk ${path} <<'END'`, ...rows.map((line) => `${indent}${line}`), `${indent}END`);
  } else if (pttype !== undefined) lines.push(`${indent}(a partition table of kind ${pttype})`);
  const command = isSound ? makingCommand(device) : undefined;
  if (command !== undefined) lines.push(`${indent}${command}`);
  return [...lines, ...children.flatMap((child) => commandsOf(child, tables, depth + 1))];
}

/** What makes the content of a device anew, with the same id, so that fstab fits. */
function makingCommand({ path, name, fstype, uuid = "" }: BlockDevice): string | undefined {
  const id = (option: string, value = uuid): string => (SOUND_ID.test(value) ? `${option}${value} ` : "");
  switch (fstype) {
    case "ext2":
    case "ext3":
    case "ext4":
      return `mkfs.${fstype} ${id("-U ")}${path}`;
    case "xfs":
      return `mkfs.xfs ${id("-m uuid=")}${path}`;
    case "btrfs":
      return `mkfs.btrfs ${id("--uuid ")}${path}`;
    case "vfat":
      return `mkfs.vfat ${id("-i ", uuid.replace("-", ""))}${path}`;
    case "swap":
      return `mkswap ${id("--uuid ")}${path}`;
    case "LVM2_member":
      return `pvcreate ${id("--norestorefile --uuid ")}${path}   # then vgcfgrestore with files/etc/lvm/backup`;
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
