/** The beginning of a WAL segment: whose it is, and where it lies. */
import { open } from "node:fs/promises";

/** So much of a segment has all that is read here. */
export const WAL_HEADER_BYTES = 40;
const LONG_HEADER = 0x0002;
const MIB = 1024 * 1024;

export interface WalHeader {
  /** Of the cluster: made when it was initialized, and the same in all copies. */
  readonly systemIdentifier: string;
  /** Where the segment begins, in bytes. */
  readonly beginsAt: bigint;
  readonly segmentBytes: number;
}

/** `undefined` when these bytes are not the beginning of a segment of a server of this architecture (little-endian). */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.length < WAL_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // PostgreSQL counts this up with its versions: D097 is 10, D118 is 18.
  const magic = view.getUint16(0, true);
  const isWal = magic >= 0xd090 && magic < 0xd300 && (view.getUint16(2, true) & LONG_HEADER) !== 0;
  const segmentBytes = view.getUint32(32, true);
  const isSize = segmentBytes >= MIB && segmentBytes <= 1024 * MIB && (segmentBytes & (segmentBytes - 1)) === 0;
  if (!isWal || !isSize) return undefined;
  const beginsAt = view.getBigUint64(8, true);
  return { systemIdentifier: view.getBigUint64(24, true).toString(), beginsAt, segmentBytes };
}

/** @throws what opening and reading it throws */
export async function readWalHeader(path: string): Promise<WalHeader | undefined> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(WAL_HEADER_BYTES), 0, WAL_HEADER_BYTES, 0);
    return parseWalHeader(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}
