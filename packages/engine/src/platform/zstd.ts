/** zstd for blobs and documents: one call compresses or decompresses all, within bounds that are checked beforehand. */
import { Buffer } from "node:buffer";
import { isHoldfastError } from "@holdfast/base";
import { engineError } from "../errors.ts";
import { compressBound, type ZstdCodec } from "./zstd-codec.ts";
import { inspectZstd } from "./zstd-frames.ts";
import { openNativeZstd } from "./zstd-native.ts";
import { openZlibZstd } from "./zstd-zlib.ts";

/** How hard to compress. `off` means that callers store file content as it is. */
export type CompressionMode = "off" | "fastest" | "auto" | "better" | "max";

/** zstd's level of each mode. Above 3 a step costs half of the speed for 1 to 4 % of the size. */
const LEVELS: Readonly<Record<Exclude<CompressionMode, "off">, number>> = { fastest: 1, auto: 3, better: 7, max: 19 };

/** Buffers up to this size are kept for the next call. */
const KEPT_BYTES = 16 * 1024 * 1024;

let selected: { readonly codec: ZstdCodec; readonly provider: "native" | "zlib" } | undefined;

function select(): NonNullable<typeof selected> {
  if (selected !== undefined) return selected;
  try {
    selected = { codec: openNativeZstd(), provider: "native" };
  } catch (error) {
    if (!isHoldfastError(error, "ENGINE_NO_FFI")) throw error;
    selected = { codec: openZlibZstd(), provider: "zlib" };
  }
  return selected;
}

/**
 * Which zstd this process uses: Node's own symbols called directly, or `node:zlib`. Their output is read by the same
 * decoders.
 */
export function zstdProvider(): "native" | "zlib" {
  return select().provider;
}

/** Compresses at one level. Contexts and buffers are kept, so one for each thread and mode is enough. */
export class Compressor {
  readonly #codec: ZstdCodec;
  readonly #level: number;
  #out: Uint8Array = new Uint8Array(0);

  /** @throws RangeError for mode `off`, in which nothing is compressed. */
  constructor(mode: CompressionMode, codec: ZstdCodec = select().codec) {
    if (mode === "off") throw new RangeError("mode off does not compress");
    this.#codec = codec;
    this.#level = LEVELS[mode];
  }

  /** One frame, with the content size and without a checksum. The result is a view that the next call overwrites. */
  compress(plain: Uint8Array): Uint8Array {
    this.#out = grown(this.#out, compressBound(plain.length));
    const compressed = this.#out.subarray(0, this.#codec.compress(this.#level, plain, this.#out));
    if (this.#out.length > KEPT_BYTES) this.#out = new Uint8Array(0);
    return compressed;
  }
}

/** Decompresses data of known size. One for each thread is enough. */
export class Decompressor {
  readonly #codec: ZstdCodec;
  #out: Uint8Array = new Uint8Array(0);

  constructor(codec: ZstdCodec = select().codec) {
    this.#codec = codec;
  }

  /**
   * The plain bytes, in a view that the next call overwrites.
   *
   * @param expectedBytes what the index says; memory is taken only when the data can hold that many bytes
   * @param what names the data in the error
   * @throws ENGINE_DECOMPRESS when it does not give exactly `expectedBytes`
   */
  decompress(compressed: Uint8Array, expectedBytes: number, what = "compressed data"): Uint8Array {
    assertHolds(compressed, expectedBytes, what);
    this.#out = grown(this.#out, expectedBytes);
    const plain = this.#out.subarray(0, expectedBytes);
    if (this.#out.length > KEPT_BYTES) this.#out = new Uint8Array(0);
    return this.#into(plain, compressed, what);
  }

  /** The same in memory of its own, which nobody overwrites. */
  decompressApart(compressed: Uint8Array, expectedBytes: number, what = "compressed data"): Uint8Array {
    assertHolds(compressed, expectedBytes, what);
    return this.#into(allocate(expectedBytes), compressed, what);
  }

  #into(plain: Uint8Array, compressed: Uint8Array, what: string): Uint8Array {
    const result = this.#codec.decompress(compressed, plain);
    if (result === plain.length) return plain;
    const reason = typeof result === "string" ? result : `${plain.length} bytes are expected, it holds ${result}`;
    throw engineError("ENGINE_DECOMPRESS", { what, reason });
  }
}

/** Refuses data that cannot hold exactly so many bytes, before memory is taken for them. @throws ENGINE_DECOMPRESS */
function assertHolds(compressed: Uint8Array, expectedBytes: number, what: string): void {
  const content = inspectZstd(compressed);
  if (typeof content === "string") throw engineError("ENGINE_DECOMPRESS", { what, reason: content });
  const { declaredBytes, maxBytes } = content;
  if (declaredBytes === undefined ? expectedBytes <= maxBytes : expectedBytes === declaredBytes) return;
  const holds = declaredBytes ?? `at most ${maxBytes}`;
  throw engineError("ENGINE_DECOMPRESS", { what, reason: `${expectedBytes} bytes are expected, it holds ${holds}` });
}

/**
 * Decompresses data of unknown size into memory of its own.
 *
 * @param maxBytes most bytes to accept and to allocate
 * @throws ENGINE_DECOMPRESS when it is damaged, or holds more
 */
export function decompressBounded(
  compressed: Uint8Array,
  maxBytes: number,
  { what = "compressed data", codec = select().codec }: { what?: string; codec?: ZstdCodec } = {},
): Uint8Array {
  const content = inspectZstd(compressed);
  if (typeof content === "string") throw engineError("ENGINE_DECOMPRESS", { what, reason: content });
  const { declaredBytes } = content;
  if (declaredBytes !== undefined && declaredBytes > maxBytes) {
    throw engineError("ENGINE_DECOMPRESS", { what, reason: `it holds ${declaredBytes} bytes, more than ${maxBytes}` });
  }
  const out = allocate(declaredBytes ?? Math.min(content.maxBytes, maxBytes));
  const result = codec.decompress(compressed, out);
  if (typeof result === "string") throw engineError("ENGINE_DECOMPRESS", { what, reason: result });
  if (declaredBytes !== undefined && result !== declaredBytes) {
    throw engineError("ENGINE_DECOMPRESS", { what, reason: `it declares ${declaredBytes} bytes and holds ${result}` });
  }
  return result === out.length ? out : out.slice(0, result);
}

const SAMPLE_BYTES = 2048;
const SAMPLE_EVERY_BYTES = 32 * 1024;
const MIN_SAMPLES = 8;
const SAMPLED_FROM_BYTES = 64 * 1024;
/** A sample that shrinks below this share can be compressed. zstd leaves data that it cannot shrink as it is. */
const SHRINKS_TO = 0.99;

let sampler: Compressor | undefined;

/**
 * Whether compressing would save next to nothing, judged by samples of 2 KiB from every 32 KiB: encrypted, compressed
 * and media data. It answers `false` as soon as one sample shrinks, and always for less than 64 KiB, where trying is as
 * fast.
 *
 * It costs about 90 µs a MiB. The modes `fastest` and `auto` give up on such data in 120 µs, so it pays from `better`
 * (480 µs) on, and for `max` (180 ms) it is needed. Repetitions of incompressible data within one chunk are not seen.
 * Not for trees, which are always compressed.
 */
export function isLikelyIncompressible(bytes: Uint8Array): boolean {
  if (bytes.length < SAMPLED_FROM_BYTES) return false;
  sampler ??= new Compressor("fastest");
  const samples = Math.max(MIN_SAMPLES, Math.floor(bytes.length / SAMPLE_EVERY_BYTES));
  const step = (bytes.length - SAMPLE_BYTES) / (samples - 1);
  for (let n = 0; n < samples; n++) {
    const at = Math.floor(n * step);
    if (sampler.compress(bytes.subarray(at, at + SAMPLE_BYTES)).length < SAMPLE_BYTES * SHRINKS_TO) return false;
  }
  return true;
}

/** A buffer of at least `length` bytes, `buffer` itself if it is large enough. */
function grown(buffer: Uint8Array, length: number): Uint8Array {
  return buffer.length >= length ? buffer : allocate(length);
}

function allocate(length: number): Uint8Array {
  // Not zeroed: it is overwritten or cut. Not a Buffer, whose `slice` would be a view where callers want a copy.
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
