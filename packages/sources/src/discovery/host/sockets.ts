/** What this machine listens on, as `/proc/net` shows it. */

export interface TcpListener {
  readonly inode: string;
  /** Of the process that has opened it. */
  readonly uid: number;
  readonly address: string;
  readonly port: number;
}

export interface UnixListener {
  readonly inode: string;
  readonly path: string;
}

const LISTENING = "0A";
const ACCEPTS_CONNECTIONS = 0x10000;

/** @param text of `/proc/net/tcp` or `/proc/net/tcp6` */
export function parseTcp(text: string): TcpListener[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , state, , , , uid, , inode] = line.trim().split(/\s+/);
      if (state !== LISTENING || inode === undefined) return [];
      const [address = "", port = ""] = local.split(":");
      return [{ inode, uid: Number(uid), address: readableAddress(address), port: Number.parseInt(port, 16) }];
    });
}

/** Sockets with a path in the file system that accept connections. @param text of `/proc/net/unix` */
export function parseUnix(text: string): UnixListener[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const match = /^\S+ \S+ \S+ (\S+) \S+ \S+\s+(\d+) (\/.*)$/.exec(line.trim());
      if (match === null || (Number.parseInt(match[1] as string, 16) & ACCEPTS_CONNECTIONS) === 0) return [];
      return [{ inode: match[2] as string, path: match[3] as string }];
    });
}

/** The kernel prints each word of four bytes as this machine has it: on all that Node runs on, the lowest byte first. */
function readableAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? [])
    .flatMap((word) => (word.match(/../g) ?? []).reverse())
    .map((byte) => Number.parseInt(byte, 16));
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join(".");
  if (bytes.every((byte) => byte === 0)) return "::";
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return "::1";
  return Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  ).join(":");
}
