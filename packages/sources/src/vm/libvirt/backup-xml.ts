/** What libvirt is told of a backup. */
import type { DomainDisk } from "./domain-xml.ts";
import { escapeXml } from "./virsh.ts";

export interface PlannedDisk extends DomainDisk {
  /** Where libvirt puts what the guest overwrites meanwhile. */
  readonly scratch: string;
  /** The checkpoint since which its changes are wanted. */
  readonly since: string | undefined;
}

/** All other disks are left out: without being named, libvirt would take them in. */
export function backupXml(socket: string, disks: readonly PlannedDisk[]): string {
  const listed = disks.map(({ name: plain, scratch, since }) => {
    const name = escapeXml(plain);
    const increment =
      since === undefined
        ? 'backupmode="full"'
        : `backupmode="incremental" incremental="${escapeXml(since)}" exportbitmap="${name}"`;
    return `<disk name="${name}" backup="yes" type="file" exportname="${name}" ${increment}><scratch file="${escapeXml(scratch)}"/></disk>`;
  });
  return `<domainbackup mode="pull"><server transport="unix" socket="${escapeXml(socket)}"/><disks>${listed.join("")}</disks></domainbackup>\n`;
}

/** Images of other formats keep no bitmaps; with one of them named, there would be no checkpoint at all. */
export function checkpointXml(name: string, disks: readonly DomainDisk[]): string {
  const listed = disks.map(
    (disk) => `<disk name="${escapeXml(disk.name)}" checkpoint="${disk.format === "qcow2" ? "bitmap" : "no"}"/>`,
  );
  return `<domaincheckpoint><name>${escapeXml(name)}</name><disks>${listed.join("")}</disks></domaincheckpoint>\n`;
}
