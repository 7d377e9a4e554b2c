/** Names of files in PostgreSQL's WAL. */

/** The name of a segment: timeline, and where it lies in the WAL. Both in upper-case hexadecimal digits. */
const SEGMENT = /^[0-9A-F]{24}$/;
const HISTORY = /^[0-9A-F]{8}\.history$/;
/** Says where a base backup began and ended. */
const BACKUP = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/;
/** So many digits of a name say the timeline. */
export const TIMELINE_DIGITS = 8;
const LOG_DIGITS = 16;
const LOG_BYTES = 0x1_0000_0000;

export type WalFileType = "segment" | "history" | "backup";

/** What a file with this name is; `undefined` when it is none of the WAL. */
export function walFileType(name: string): WalFileType | undefined {
  if (SEGMENT.test(name)) return "segment";
  if (HISTORY.test(name)) return "history";
  return BACKUP.test(name) ? "backup" : undefined;
}

/** Of a segment, or a file whose name begins like that of one. */
export function timelineOf(name: string): number {
  return Number.parseInt(name.slice(0, TIMELINE_DIGITS), 16);
}

/** Its place in the WAL, for comparing: segments of one server have one size. */
export function placeOf(name: string): string {
  return name.slice(TIMELINE_DIGITS, 24);
}

/** Of 4 GiB of a timeline. */
export function logOf(name: string): string {
  return name.slice(0, LOG_DIGITS);
}

/** How many segments of this size lie before it on the way from the beginning of the WAL. */
export function segmentNumber(name: string, segmentBytes: number): bigint {
  const log = BigInt(`0x${name.slice(TIMELINE_DIGITS, LOG_DIGITS)}`);
  const part = BigInt(`0x${name.slice(LOG_DIGITS, 24)}`);
  return log * BigInt(LOG_BYTES / segmentBytes) + part;
}

export function segmentName(timeline: number, number: bigint, segmentBytes: number): string {
  const perLog = BigInt(LOG_BYTES / segmentBytes);
  return hex(BigInt(timeline)) + hex(number / perLog) + hex(number % perLog);
}

/** A place in the WAL as PostgreSQL writes it, `16/B374D848`, in bytes. `undefined` when it is none. */
export function parseLsn(text: string): bigint | undefined {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  return match === null ? undefined : (BigInt(`0x${match[1]}`) << 32n) + BigInt(`0x${match[2]}`);
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

function hex(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}
