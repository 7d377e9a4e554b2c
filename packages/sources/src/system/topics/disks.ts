/** Topics about disks: partitions, file systems, and the layers between them. */
import type { Inspection } from "../host/inspection.ts";
import { type Json, joinLines, linesOf, sortLines, stableJson, withoutComments } from "./normalise.ts";
import type { Topic } from "./topic.ts";

export const DISKS = "disks.json";
export const FSTAB = "fstab.txt";

/** What lsblk tells that belongs to the layout. The rest is usage, or the machine's choice. */
const KEPT = new Set([
  "blockdevices",
  "children",
  "name",
  "path",
  "type",
  "size",
  "start",
  "fstype",
  "fsver",
  "label",
  "uuid",
  "partlabel",
  "parttype",
  "parttypename",
  "partuuid",
  "pttype",
  "ptuuid",
  "partflags",
  "mountpoints",
  "fsroots",
  "model",
  "serial",
  "vendor",
  "wwn",
  "tran",
  "rota",
  "log-sec",
  "phy-sec",
  "ro",
  "rm",
]);

/** A block device as the report has it. */
export interface BlockDevice {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly size?: number;
  readonly fstype?: string;
  readonly pttype?: string;
  readonly uuid?: string;
  readonly mountpoints?: readonly string[];
  readonly children?: readonly BlockDevice[];
}

export const DISK_TOPICS: readonly Topic[] = [
  {
    file: DISKS,
    about: "block devices, what is in them, where they are mounted",
    reads: { command: ["lsblk", "-JbO"], normalise: layout },
    isVital: true,
  },
  {
    file: "partitions.txt",
    about: "partition tables, as sfdisk reads them",
    reads: { look: partitions, isLiveOnly: true },
    applies: (seen) => tables(seen).length > 0,
    isVital: true,
  },
  {
    file: "file-systems.txt",
    about: "file systems and their ids",
    reads: { command: ["blkid"], good: [0, 2], normalise: sortLines },
    isVital: true,
  },
  {
    file: "raid.txt",
    about: "arrays of md",
    reads: { command: ["mdadm", "--detail", "--scan"] },
    applies: has("linux_raid_member"),
    isVital: true,
  },
  {
    file: "lvm.json",
    about: "LVM: physical volumes, groups, logical volumes",
    reads: { look: lvm, isLiveOnly: true },
    applies: has("LVM2_member"),
    isVital: true,
  },
  {
    file: "zfs.txt",
    about: "ZFS: pools and properties that were set",
    reads: { look: zfs, isLiveOnly: true },
    applies: has("zfs_member"),
    isVital: true,
  },
  {
    file: "btrfs.txt",
    about: "subvolumes of btrfs",
    reads: { look: btrfs, isLiveOnly: true },
    applies: has("btrfs"),
    isVital: true,
  },
  {
    file: "mounts.txt",
    about: "what is mounted where",
    reads: {
      command: ["findmnt", "--real", "--noheadings", "--list", "--output", "TARGET,SOURCE,FSTYPE,OPTIONS"],
      good: [0, 1],
      normalise: mounts,
    },
    isVital: true,
  },
  {
    file: FSTAB,
    about: "what is to be mounted, and opened before",
    reads: { files: ["/etc/fstab", "/etc/crypttab"], normalise: withoutComments },
    secret: "options may hold passwords of shares",
    isVital: true,
  },
  { file: "swap.txt", about: "swap space", reads: { look: swap, isLiveOnly: true }, isVital: true },
];

/** Devices with their children, as far as they are disks or in use. */
export function devicesIn(text: string): BlockDevice[] {
  if (text === "") return [];
  return [...((JSON.parse(text) as { blockdevices?: BlockDevice[] }).blockdevices ?? [])];
}

/** All of them, children behind their parents. */
export function everyDevice(devices: readonly BlockDevice[]): BlockDevice[] {
  return devices.flatMap((device) => [device, ...everyDevice(device.children ?? [])]);
}

/** Loop devices come and go, and drives without a medium have no size. */
function layout(text: string): string {
  const { blockdevices } = JSON.parse(text) as { blockdevices: (BlockDevice & { readonly [key: string]: Json })[] };
  const real = blockdevices.filter(({ type, size }) => type !== "loop" && type !== "rom" && size !== 0);
  return stableJson(JSON.stringify({ blockdevices: real }), (key) => !KEPT.has(key));
}

function has(fstype: string): (inspection: Inspection) => boolean {
  return (inspection) => everyDevice(devicesIn(inspection.said(DISKS))).some((device) => device.fstype === fstype);
}

function tables(inspection: Inspection): BlockDevice[] {
  return devicesIn(inspection.said(DISKS)).filter(({ pttype, type }) => pttype !== undefined && type === "disk");
}

async function partitions(inspection: Inspection): Promise<string> {
  const parts: string[] = [];
  for (const { path } of tables(inspection))
    parts.push(`# ${path}\n${await inspection.run("sfdisk", ["--dump", path])}`);
  return joinLines(parts.flatMap(linesOf));
}

async function lvm(inspection: Inspection): Promise<string> {
  const json = ["--reportformat", "json", "--units", "b", "--nosuffix", "-o"];
  const columns: [string, string][] = [
    ["pvs", "pv_name,pv_uuid,pv_size,vg_name"],
    ["vgs", "vg_name,vg_uuid,vg_size,vg_extent_size,vg_attr"],
    ["lvs", "lv_name,vg_name,lv_uuid,lv_size,segtype,pool_lv,origin,stripes,stripe_size,lv_tags"],
  ];
  const found: Record<string, unknown> = {};
  for (const [tool, names] of columns) found[tool] = JSON.parse(await inspection.run(tool, [...json, names]));
  return stableJson(JSON.stringify(found), () => false);
}

/** Properties that somebody has set; the others are counters or follow from these. */
async function zfs(inspection: Inspection): Promise<string> {
  const pools = await inspection.run("zpool", ["list", "-H", "-v", "-P", "-o", "name,size"]);
  const sets = await inspection.run("zfs", [
    "get",
    "-H",
    "-t",
    "filesystem,volume",
    "-s",
    "local,received",
    "-o",
    "name,property,value",
    "all",
  ]);
  const names = linesOf(pools).map((line) => line.trim().split(/\s+/).slice(0, 2).join(" "));
  return joinLines([...names, ...linesOf(sets).sort()]);
}

async function btrfs(inspection: Inspection): Promise<string> {
  const mounted = everyDevice(devicesIn(inspection.said(DISKS))).filter(({ fstype }) => fstype === "btrfs");
  const lines: string[] = [];
  for (const { mountpoints } of mounted) {
    const [where] = mountpoints ?? [];
    if (where === undefined) continue;
    const text = await inspection.run("btrfs", ["subvolume", "list", "-p", "-u", where]);
    lines.push(
      `# ${where}`,
      ...linesOf(text)
        .map((line) => line.replace(/ gen \d+/, ""))
        .sort(),
    );
  }
  return joinLines(lines);
}

/** Sizes in options are those of memory at the time. */
function mounts(text: string): string {
  return sortLines(
    linesOf(text)
      .map((line) => line.trim().split(/\s+/).join(" "))
      .join("\n"),
  );
}

async function swap({ files }: Inspection): Promise<string> {
  const [, ...lines] = linesOf((await files.text("/proc/swaps")) ?? "");
  return joinLines(lines.map((line) => line.split(/\s+/).slice(0, 3).join(" ")).sort());
}
