/**
 * zstd through `node:zlib`, for a Node that does not let its own zstd be called directly. Same frames, some µs more a
 * call.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { messageOf } from "@holdfast/base";
import { LARGE_WINDOW_LEVEL, WINDOW_LOG_MAX, type ZstdCodec } from "./zstd-codec.ts";

/** The codec on `node:zlib`. */
export function openZlibZstd(): ZstdCodec {
  return {
    compress(level, plain, out) {
      const compressed = zstdCompressSync(plain, {
        pledgedSrcSize: plain.length,
        params: {
          [constants.ZSTD_c_compressionLevel]: level,
          [constants.ZSTD_c_contentSizeFlag]: 1,
          [constants.ZSTD_c_checksumFlag]: 0,
          ...(level >= LARGE_WINDOW_LEVEL ? { [constants.ZSTD_c_windowLog]: WINDOW_LOG_MAX } : {}),
        },
      });
      out.set(compressed);
      return compressed.length;
    },
    decompress(compressed, out) {
      // Node refuses a limit of 0.
      const maxOutputLength = Math.max(out.length, 1);
      let plain: Uint8Array;
      try {
        plain = zstdDecompressSync(compressed, { maxOutputLength });
      } catch (error) {
        return messageOf(error);
      }
      if (plain.length > out.length) return "it holds more bytes than expected";
      out.set(plain);
      return plain.length;
    },
  };
}
