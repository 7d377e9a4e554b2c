/** Whether other machines may write to a file system too, and see what is written here only after a while. */

/**
 * Magic numbers of file systems that one kernel has for itself (Linux, include/uapi/linux/magic.h and the file systems' own
 * headers): whatever was created is in the very next listing of every process.
 */
const OF_ONE_MACHINE = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x2fc12fc1, // ZFS
  0xca451a4e, // bcachefs
  0xf2f52010, // F2FS
  0x794c7630, // overlayfs
  0x4d44, // FAT
  0x2011bab0, // exFAT
  0x7366746e, // NTFS
  0x3153464a, // JFS
]);

/** What restic allows for as well, whatever the place. */
const NETWORK_SETTLE_MS = 200;

/** `Capabilities.settleMs` of a file system; one that is not known counts as shared. @param type `f_type` of statfs(2) */
export function settleMsOf(type: number): number {
  return OF_ONE_MACHINE.has(type) ? 0 : NETWORK_SETTLE_MS;
}
