/**
 * The header of a pack: one entry a blob, in the order in which the blobs stand in the file. It is sealed as a whole
 * and stands at the end, followed by its sealed length as a little-endian uint32 (restic: doc/design.rst, "Pack
 * Format").
 *
 * entry: type 1 byte (0 data, 1 tree; plus 2 when compressed) | sealed length uint32 | plain length uint32, only when
 * compressed | id 32 bytes
 */
import { SEAL_OVERHEAD } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { ID_BYTES, idFromBytes, writeId, type BlobType, type Id } from "./id.ts";

/** One blob of a pack. */
export interface PackEntry {
  readonly type: BlobType;
  readonly id: Id;
  /** Where the sealed blob begins in the pack. */
  readonly offset: number;
  /** Length of the sealed blob. */
  readonly lengthBytes: number;
  /** Length before compression; 0 when the blob is not compressed. */
  readonly plainBytes: number;
}

/** Entry of a blob that is not compressed. */
export const PLAIN_ENTRY_BYTES = 37;
/** Entry of a compressed blob; also the length of a row for `encodePackHeaderEntries`. */
export const COMPRESSED_ENTRY_BYTES = 41;
/** Length of the field at the very end of a pack that gives the length of the sealed header. */
export const HEADER_LENGTH_BYTES = 4;
/** No sealed header is longer; restic rejects longer ones too. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

const TREE = 1;
const COMPRESSED = 2;
const MAX_UINT32 = 0xffff_ffff;

/** Bytes of the sealed header and the length field for so many blobs. */
export function packHeaderBytes(plainBlobs: number, compressedBlobs: number): number {
  const entries = plainBlobs * PLAIN_ENTRY_BYTES + compressedBlobs * COMPRESSED_ENTRY_BYTES;
  return entries + SEAL_OVERHEAD + HEADER_LENGTH_BYTES;
}

/** The plain header for these blobs; their offsets follow from their order and are not written. */
export function encodePackHeader(entries: readonly PackEntry[]): Uint8Array {
  const rows = new Uint8Array(entries.length * COMPRESSED_ENTRY_BYTES);
  const view = new DataView(rows.buffer);
  entries.forEach((entry, index) => {
    const at = index * COMPRESSED_ENTRY_BYTES;
    if (entry.lengthBytes > MAX_UINT32 || entry.plainBytes > MAX_UINT32) throw new RangeError("blob of 4 GiB or more");
    view.setUint8(at, (entry.type === "tree" ? TREE : 0) | (entry.plainBytes > 0 ? COMPRESSED : 0));
    view.setUint32(at + 1, entry.lengthBytes, true);
    view.setUint32(at + 5, entry.plainBytes, true);
    writeId(entry.id, rows, at + 9);
  });
  return encodePackHeaderEntries(rows);
}

/**
 * The plain header from rows of `COMPRESSED_ENTRY_BYTES` each, in which blobs that are not compressed have plain
 * length 0.
 */
export function encodePackHeaderEntries(rows: Uint8Array): Uint8Array {
  const out = new Uint8Array(rows.length);
  let end = 0;
  for (let at = 0; at < rows.length; at += COMPRESSED_ENTRY_BYTES) {
    const compressed = ((rows[at] as number) & COMPRESSED) !== 0;
    const split = at + (compressed ? 9 : 5);
    out.set(rows.subarray(at, split), end);
    out.set(rows.subarray(at + 9, at + COMPRESSED_ENTRY_BYTES), end + split - at);
    end += compressed ? COMPRESSED_ENTRY_BYTES : PLAIN_ENTRY_BYTES;
  }
  return out.subarray(0, end);
}

/**
 * The length of the sealed header, from the last bytes of a pack file of `packBytes`.
 *
 * @throws ENGINE_MALFORMED when no such header can stand in a file of that size
 */
export function sealedHeaderBytes(tail: Uint8Array, packBytes: number, what = "a pack"): number {
  const malformed = (reason: string): Error => engineError("ENGINE_MALFORMED", { what, reason });
  if (tail.length < HEADER_LENGTH_BYTES) throw malformed("it is too short for a pack");
  const at = tail.byteOffset + tail.length - HEADER_LENGTH_BYTES;
  const length = new DataView(tail.buffer, at, HEADER_LENGTH_BYTES).getUint32(0, true);
  if (length < SEAL_OVERHEAD + PLAIN_ENTRY_BYTES) throw malformed(`its header has ${length} bytes, too few for a blob`);
  if (length > packBytes - HEADER_LENGTH_BYTES) throw malformed(`its header has ${length} bytes, more than the file`);
  if (length > MAX_HEADER_BYTES) throw malformed(`its header has ${length} bytes, more than any pack's`);
  return length;
}

/**
 * The blobs that a plain header lists, with their offsets.
 *
 * @throws ENGINE_MALFORMED for an unknown type, a cut-off entry, or a blob too short to be sealed
 */
export function decodePackHeader(plain: Uint8Array, what = "a pack"): PackEntry[] {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  const entries: PackEntry[] = [];
  let offset = 0;
  for (let at = 0; at < plain.length;) {
    const malformed = (reason: string): Error =>
      engineError("ENGINE_MALFORMED", { what, reason: `${reason} (header entry ${entries.length})` });
    const kind = view.getUint8(at);
    if (kind > (TREE | COMPRESSED)) throw malformed(`unknown blob type ${kind}`);
    const compressed = (kind & COMPRESSED) !== 0;
    const size = compressed ? COMPRESSED_ENTRY_BYTES : PLAIN_ENTRY_BYTES;
    if (at + size > plain.length) throw malformed("the header ends inside an entry");
    const lengthBytes = view.getUint32(at + 1, true);
    if (lengthBytes < SEAL_OVERHEAD) throw malformed(`a blob of ${lengthBytes} bytes is too short to be sealed`);
    entries.push({
      type: (kind & TREE) !== 0 ? "tree" : "data",
      id: idFromBytes(plain, at + size - ID_BYTES),
      offset,
      lengthBytes,
      plainBytes: compressed ? view.getUint32(at + 5, true) : 0,
    });
    offset += lengthBytes;
    at += size;
  }
  return entries;
}
