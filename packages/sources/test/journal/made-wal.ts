/** WAL segments as PostgreSQL would begin them, with a content that tests choose. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { segmentName } from "../../src/postgres/physical/wal-names.ts";

/** The smallest that a server can have. */
export const SEGMENT_BYTES = 1024 * 1024;
export const SYSTEM = 7_600_000_000_000_000_001n;

export interface MadeSegment {
  readonly number: number;
  readonly timeline?: number;
  /** Fills it behind the header. */
  readonly content?: string;
  readonly system?: bigint;
  /** Ends here, as one that is being written; zeros follow. */
  readonly partialBytes?: number;
}

export function madeName({ number, timeline = 1 }: Pick<MadeSegment, "number" | "timeline">): string {
  return segmentName(timeline, BigInt(number), SEGMENT_BYTES);
}

/** @returns its path */
export function makeSegment(folder: string, made: MadeSegment): string {
  const { number, timeline = 1, content = `${timeline}-${number} `, system = SYSTEM, partialBytes } = made;
  const bytes = Buffer.alloc(SEGMENT_BYTES);
  bytes.fill(content, 40, partialBytes ?? SEGMENT_BYTES);
  bytes.writeUInt16LE(0xd110, 0);
  bytes.writeUInt16LE(0x0002, 2);
  bytes.writeUInt32LE(timeline, 4);
  bytes.writeBigUInt64LE(BigInt(number * SEGMENT_BYTES), 8);
  bytes.writeBigUInt64LE(system, 24);
  bytes.writeUInt32LE(SEGMENT_BYTES, 32);
  const path = join(folder, madeName(made) + (partialBytes === undefined ? "" : ".partial"));
  writeFileSync(path, bytes);
  return path;
}
