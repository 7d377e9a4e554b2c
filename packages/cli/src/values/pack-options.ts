/** `--compression` and `--pack-size`: how packs are made. */
import type { CompressionMode } from "@holdfast/engine";
import type { GivenOptions } from "../given-options.ts";

const MIB = 1024 * 1024;

/** @throws CLI_INVALID_VALUE */
export function packOptions(options: GivenOptions): { compression: CompressionMode; packSizeBytes: number } {
  return {
    compression: (options.text("compression") ?? "auto") as CompressionMode,
    packSizeBytes: (options.number("pack-size", { min: 4, max: 128 }) ?? 16) * MIB,
  };
}
