/** Go's `os.FileMode`, in which trees record modes: permissions as in POSIX, everything else in bits of its own. */
import type { NodeType } from "./node.ts";

const GO_SETUID = 0x80_0000;
const GO_SETGID = 0x40_0000;
const GO_STICKY = 0x10_0000;
const SETUID = 0o4000;
const SETGID = 0o2000;
const STICKY = 0o1000;
const PERMISSIONS = 0o777;

const TYPE_BITS: Readonly<Record<NodeType, number>> = {
  file: 0,
  dir: 0x8000_0000,
  symlink: 0x0800_0000,
  dev: 0x0400_0000,
  chardev: 0x0400_0000 + 0x20_0000,
  fifo: 0x0200_0000,
  socket: 0x0100_0000,
  irregular: 0x8_0000,
};

/** Go's mode for a type and `st_mode & 07777`. */
export function goFileMode(type: NodeType, mode: number): number {
  let bits = mode & PERMISSIONS;
  if (mode > PERMISSIONS) {
    if ((mode & SETUID) !== 0) bits |= GO_SETUID;
    if ((mode & SETGID) !== 0) bits |= GO_SETGID;
    if ((mode & STICKY) !== 0) bits |= GO_STICKY;
  }
  // Added, not or-ed: the bit of folders is the sign bit of JavaScript's bit operations.
  return TYPE_BITS[type] + bits;
}

/** `st_mode & 07777` for Go's mode. */
export function posixMode(goMode: number): number {
  return (
    (goMode & PERMISSIONS) |
    ((goMode & GO_SETUID) !== 0 ? SETUID : 0) |
    ((goMode & GO_SETGID) !== 0 ? SETGID : 0) |
    ((goMode & GO_STICKY) !== 0 ? STICKY : 0)
  );
}

/** True for a type that a node can have. */
export function isNodeType(text: unknown): text is NodeType {
  return typeof text === "string" && Object.hasOwn(TYPE_BITS, text);
}
