/** Which captured files a rebuild puts in place at once, and which not: what belongs to one machine would harm another. */

/** What a file is bound to. */
export type PathClass =
  /** It is put in place. */
  | "file"
  /** It makes a machine the one that it is: two with the same are taken for each other. */
  | "identity"
  /** It names disks, or starts the machine from them. */
  | "disks"
  /** It names interfaces; with a wrong name the machine is cut off. */
  | "network"
  /** Programs keep it themselves; another step of the rebuild sees to it, or it is there to look things up. */
  | "kept";

const CLASSES: readonly (readonly [RegExp, PathClass])[] = [
  [/^\/etc\/(machine-id|hostid|hostname)$/, "identity"],
  [/^\/etc\/ssh\/ssh_host_[^/]*_key(\.pub)?$/, "identity"],
  [/^\/etc\/(iscsi\/initiatorname\.iscsi|nvme\/host(id|nqn))$/, "identity"],
  [/^\/var\/lib\/(dbus\/machine-id|systemd\/random-seed)$/, "identity"],
  [/^\/boot(\/|$)/, "disks"],
  [/^\/etc\/(fstab|crypttab|mdadm\.conf|multipath\.conf|adjtime)$/, "disks"],
  [/^\/etc\/(mdadm|multipath|lvm\/(backup|archive|devices|cache)|dracut\.conf\.d)(\/|$)/, "disks"],
  [/^\/etc\/kernel\/(cmdline|install\.conf|entry-token)$/, "disks"],
  [/^\/etc\/default\/grub(\.d(\/|$)|$)/, "disks"],
  [/^\/etc\/(zfs\/(zpool\.cache|zfs-list\.cache(\/|$))|initramfs-tools\/conf\.d\/resume$)/, "disks"],
  [/^\/etc\/(network\/interfaces(\.d(\/|$)|$)|netplan(\/|$)|systemd\/network(\/|$)|resolv\.conf$)/, "network"],
  [/^\/etc\/NetworkManager\/system-connections\/./, "network"],
  [/^\/etc\/udev\/rules\.d\/[^/]*(net|ifname)[^/]*$/, "network"],
  [/^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$/, "kept"],
  [/^\/etc\/(\.pwd\.lock|mtab|ld\.so\.cache)$/, "kept"],
  [/^\/var\/lib\/(dpkg|apt|rpm|alternatives)(\/|$)/, "kept"],
  [/^\/usr\/lib\/sysimage\/rpm(\/|$)/, "kept"],
];

/** @param path of the system */
export function classOf(path: string): PathClass {
  return CLASSES.find(([pattern]) => pattern.test(path))?.[1] ?? "file";
}

const BOOT_PACKAGE =
  /^(linux-(image|modules)|grub|shim-|systemd-boot|raspi-firmware|u-boot|flash-kernel|extlinux|lilo)/;

/** Whether a package starts the machine: one for other hardware, or on a disk that it does not know, may keep it from starting. */
export function isBootPackage(name: string): boolean {
  return BOOT_PACKAGE.test(name);
}
