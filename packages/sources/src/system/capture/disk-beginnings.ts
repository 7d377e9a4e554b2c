/** What is stored of disks themselves: the headers of LUKS, without which nothing on them can be opened, and the sectors a BIOS starts from. */
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isHoldfastError, messageOf, systemCode } from "@holdfast/base";
import type { SourceWarning } from "../../contract/source.ts";
import type { Inspection } from "../host/inspection.ts";
import { DISKS, devicesIn, everyDevice } from "../topics/disks.ts";

/** The partition table and what GRUB puts behind it. */
const BOOT_BYTES = 1024 * 1024;

export interface DiskBeginning {
  /** In the folder of the report: `luks-headers/sda3.img`. */
  readonly file: string;
  readonly why: string;
  readonly bytes: Uint8Array;
}

/** @throws the signal's reason; a disk that cannot be read is a warning */
export async function readDiskBeginnings(
  inspection: Inspection,
  onWarning: (warning: SourceWarning) => void,
): Promise<DiskBeginning[]> {
  if (!inspection.isLive) return [];
  const found: DiskBeginning[] = [];
  const devices = devicesIn(inspection.said(DISKS));
  const encrypted = everyDevice(devices).filter(({ fstype }) => fstype === "crypto_LUKS");
  // One device may be shown below several others.
  for (const { name, path } of new Map(encrypted.map((device) => [device.path, device])).values()) {
    const bytes = await attempt(inspection, onWarning, `the LUKS header of ${path} is not stored`, () =>
      luksHeader(inspection, path),
    );
    const why = "with a passphrase of its time it opens the disk";
    if (bytes !== undefined) found.push({ file: `luks-headers/${name}.img`, why, bytes });
  }
  for (const { name, path } of devices.filter(({ pttype, type }) => pttype !== undefined && type === "disk")) {
    const bytes = await attempt(inspection, onWarning, `the first sectors of ${path} are not stored`, () =>
      firstSectors(path),
    );
    if (bytes !== undefined) found.push({ file: `boot-sectors/${name}.img`, why: "raw bytes of a disk", bytes });
  }
  return found;
}

async function luksHeader(inspection: Inspection, path: string): Promise<Uint8Array> {
  const file = join(inspection.temporary, "luks-header");
  try {
    await inspection.run("cryptsetup", ["luksHeaderBackup", path, "--header-backup-file", file]);
    return await readFile(file);
  } finally {
    await rm(file, { force: true });
  }
}

async function firstSectors(path: string): Promise<Uint8Array> {
  const device = await open(path, "r");
  try {
    const { buffer, bytesRead } = await device.read(Buffer.alloc(BOOT_BYTES), 0, BOOT_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await device.close();
  }
}

async function attempt(
  { signal }: Inspection,
  onWarning: (warning: SourceWarning) => void,
  lack: string,
  read: () => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  try {
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (!isHoldfastError(error) && systemCode(error) === undefined) throw error;
    onWarning({ code: "disk-unread", message: `${lack}: ${messageOf(error)}` });
    return undefined;
  }
}
