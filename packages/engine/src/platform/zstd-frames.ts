/**
 * Reads the structure of zstd data (RFC 8878) without decompressing it: how many bytes it says it holds, and how many
 * it can hold at most. Nothing is allocated for decompressed data before these are known to be acceptable.
 */

/** What a sequence of zstd frames declares. */
export interface ZstdContent {
  /** Sum of the frames' content sizes; `undefined` when a frame does not tell its own. */
  readonly declaredBytes: number | undefined;
  /** No decoder can get more than this out of it, whatever it declares. */
  readonly maxBytes: number;
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_BLOCK_BYTES = 128 * 1024;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

/** A sequence of frames, or the reason why these bytes are none. An empty sequence holds nothing. */
export function inspectZstd(bytes: Uint8Array): ZstdContent | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let declaredBytes: number | undefined = 0;
  let maxBytes = 0;
  let at = 0;
  try {
    while (at < bytes.length) {
      const magic = view.getUint32(at, true);
      if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > bytes.length) return "the data is cut off";
        continue;
      }
      if (magic !== FRAME_MAGIC) return "it is not zstd data";
      const frame = inspectFrame(view, at + 4);
      if (typeof frame === "string") return frame;
      declaredBytes =
        declaredBytes === undefined || frame.declaredBytes === undefined
          ? undefined
          : declaredBytes + frame.declaredBytes;
      maxBytes += frame.maxBytes;
      at = frame.end;
    }
  } catch (error) {
    // DataView's own bounds checks find every frame that ends too early.
    if (error instanceof RangeError) return "the data is cut off";
    throw error;
  }
  return { declaredBytes, maxBytes };
}

function inspectFrame(view: DataView, start: number): (ZstdContent & { end: number }) | string {
  const descriptor = view.getUint8(start);
  if ((descriptor & 0x08) !== 0) return "a reserved bit is set";
  if ((descriptor & 0x03) !== 0) return "it needs a dictionary";
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  let at = start + 1;
  let window = Number.POSITIVE_INFINITY;
  if (!singleSegment) {
    const byte = view.getUint8(at++);
    const base = 2 ** (10 + (byte >>> 3));
    window = base + (base / 8) * (byte & 7);
  }
  let declaredBytes: number | undefined;
  if (sizeFlag === 0 && singleSegment) declaredBytes = view.getUint8(at++);
  else if (sizeFlag === 1) declaredBytes = view.getUint16(at, true) + 256;
  else if (sizeFlag === 2) declaredBytes = view.getUint32(at, true);
  else if (sizeFlag === 3) declaredBytes = Number(view.getBigUint64(at, true));
  if (sizeFlag > 0) at += 1 << sizeFlag;
  const blocks = walkBlocks(view, at, Math.min(singleSegment ? (declaredBytes as number) : window, MAX_BLOCK_BYTES));
  if (typeof blocks === "string") return blocks;
  const end = blocks.end + ((descriptor & 0x04) === 0 ? 0 : 4);
  if (end > view.byteLength) return "the data is cut off";
  if (declaredBytes !== undefined && declaredBytes > blocks.maxBytes) {
    return `it declares ${declaredBytes} bytes but can hold no more than ${blocks.maxBytes}`;
  }
  return { declaredBytes, maxBytes: declaredBytes ?? blocks.maxBytes, end };
}

function walkBlocks(view: DataView, start: number, blockLimit: number): { maxBytes: number; end: number } | string {
  let at = start;
  let maxBytes = 0;
  for (;;) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === RESERVED_BLOCK) return "a block is of a reserved type";
    if (size > MAX_BLOCK_BYTES) return "a block is too large";
    // A raw and a run block state their plain size; of a compressed one only the limit is known.
    maxBytes += type === 2 ? blockLimit : size;
    at += 3 + (type === RLE_BLOCK ? 1 : size);
    if (at > view.byteLength) return "the data is cut off";
    if ((header & 1) !== 0) return { maxBytes, end: at };
  }
}
