/**
 * Node's bundled zstd, called directly: a context is kept from call to call, which `node:zlib` makes and frees every
 * time.
 */
import { isMainThread } from "node:worker_threads";
import { nativeMemory, processFunctions } from "./ffi.ts";
import { LARGE_WINDOW_LEVEL, WINDOW_LOG_MAX, type ZstdCodec } from "./zstd-codec.ts";

// Numbers of the parameters in zstd.h.
const COMPRESSION_LEVEL = 100;
const WINDOW_LOG = 101;
const CONTENT_SIZE_FLAG = 200;
const CHECKSUM_FLAG = 201;

/**
 * Up to these sizes zstd uses smaller tables. It frees a context's memory that was much too large for the last calls and takes
 * it anew for the next large one, which costs a tenth of the time when small and large inputs alternate: each class has a
 * context of its own.
 */
const TABLE_CLASSES_BYTES = [16 * 1024, 128 * 1024, 256 * 1024];

/**
 * The codec on Node's own symbols.
 *
 * Contexts belong to the thread and are freed when it ends by itself: one for decompression, and for each level used one a
 * class of sizes.
 *
 * @throws ENGINE_NO_FFI when this Node does not export them.
 */
export function openNativeZstd(): ZstdCodec {
  // A size_t is declared as int64: errors are its highest values and so come out negative.
  const zstd = processFunctions({
    ZSTD_createCCtx: { arguments: [], return: "pointer" },
    ZSTD_freeCCtx: { arguments: ["pointer"], return: "int64" },
    ZSTD_CCtx_setParameter: { arguments: ["pointer", "int32", "int32"], return: "int64" },
    ZSTD_compress2: { arguments: ["pointer", "buffer", "uint64", "buffer", "uint64"], return: "int64" },
    ZSTD_createDCtx: { arguments: [], return: "pointer" },
    ZSTD_freeDCtx: { arguments: ["pointer"], return: "int64" },
    ZSTD_decompressDCtx: { arguments: ["pointer", "buffer", "uint64", "buffer", "uint64"], return: "int64" },
    ZSTD_getErrorName: { arguments: ["int64"], return: "pointer" },
  });
  const errorName = (result: bigint): string =>
    nativeMemory().toString(zstd.ZSTD_getErrorName(result)) ?? "unknown error";
  const compressors = new Map<number, bigint>();
  let decompressor: bigint | undefined;

  const newCompressor = (level: number, key: number): bigint => {
    const context = zstd.ZSTD_createCCtx();
    if (context === 0n) throw new RangeError("no memory for zstd");
    const settings = new Map([
      [COMPRESSION_LEVEL, level],
      [CONTENT_SIZE_FLAG, 1],
      [CHECKSUM_FLAG, 0],
    ]);
    if (level >= LARGE_WINDOW_LEVEL) settings.set(WINDOW_LOG, WINDOW_LOG_MAX);
    for (const [parameter, value] of settings) {
      const result = zstd.ZSTD_CCtx_setParameter(context, parameter, value);
      if (result < 0n) throw new RangeError(`zstd parameter ${parameter}: ${errorName(result)}`);
    }
    compressors.set(key, context);
    return context;
  };
  const newDecompressor = (): bigint => {
    const context = zstd.ZSTD_createDCtx();
    if (context === 0n) throw new RangeError("no memory for zstd");
    return context;
  };
  if (!isMainThread) {
    process.once("exit", () => {
      for (const context of compressors.values()) zstd.ZSTD_freeCCtx(context);
      if (decompressor !== undefined) zstd.ZSTD_freeDCtx(decompressor);
    });
  }
  return {
    compress(level, plain, out) {
      const key = level * 4 + classOf(plain.length);
      const context = compressors.get(key) ?? newCompressor(level, key);
      const result = zstd.ZSTD_compress2(context, out, BigInt(out.length), plain, BigInt(plain.length));
      if (result < 0n) throw new RangeError(`zstd compression failed: ${errorName(result)}`);
      return Number(result);
    },
    decompress(compressed, out) {
      decompressor ??= newDecompressor();
      const size = BigInt(compressed.length);
      const result = zstd.ZSTD_decompressDCtx(decompressor, out, BigInt(out.length), compressed, size);
      return result < 0n ? errorName(result) : Number(result);
    },
  };
}

/** 0 to 3. */
function classOf(bytes: number): number {
  const found = TABLE_CLASSES_BYTES.findIndex((limit) => bytes <= limit);
  return found < 0 ? TABLE_CLASSES_BYTES.length : found;
}
