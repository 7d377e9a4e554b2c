/** The options of a prune, as they are typed. */
import type { CompressionMode, PruneOptions, UnusedLimit } from "@holdfast/engine";
import { cliError } from "../errors.ts";
import type { GivenOptions } from "../given-options.ts";
import { packOptions } from "../values/pack-options.ts";
import { parsePercent } from "../values/percent.ts";
import { parseSize } from "../values/size.ts";

/** What a user can say of a prune. */
export type PruneSettings = Omit<PruneOptions, "signal" | "onProgress" | "graceMs">;

const SMALL_SHARE = 0.8;

/** @throws CLI_INVALID_VALUE, CLI_OPTIONS_CONFLICT */
export function pruneSettings(options: GivenOptions): PruneSettings {
  const { compression, packSizeBytes } = packOptions(options);
  const maxUnused = options.parsed("max-unused", "give x%, a size such as 5g, or unlimited", parseUnusedLimit);
  const maxRepackBytes = options.parsed("max-repack-size", "give a size such as 20g", parseSize);
  const repackUncompressed = options.flag("repack-uncompressed");
  refuseUncompressed(compression, repackUncompressed);
  return {
    compression,
    packSizeBytes,
    smallPackBytes: smallPackBytes(options, packSizeBytes),
    repackUncompressed,
    repackCacheableOnly: options.flag("repack-cacheable-only"),
    ...(maxUnused === undefined ? {} : { maxUnused }),
    ...(maxRepackBytes === undefined ? {} : { maxRepackBytes }),
  };
}

/** `x%` below 100, a size, or `unlimited`; `undefined` when the text is none of them. */
function parseUnusedLimit(text: string): UnusedLimit | undefined {
  if (text === "unlimited") return { kind: "unlimited" };
  const percent = parsePercent(text);
  if (percent !== undefined) return percent < 100 ? { kind: "percent", percent } : undefined;
  const bytes = parseSize(text);
  return bytes === undefined ? undefined : { kind: "bytes", bytes };
}

function smallPackBytes(options: GivenOptions, packSizeBytes: number): number | undefined {
  const given = options.parsed("repack-smaller-than", "give a size such as 4m", parseSize);
  if (given === undefined) return options.flag("repack-small") ? packSizeBytes * SMALL_SHARE : undefined;
  if (given <= packSizeBytes) return given;
  throw cliError("CLI_OPTIONS_CONFLICT", {
    first: "--repack-smaller-than",
    second: "--pack-size",
    reason: "new packs would be smaller than that again",
  });
}

function refuseUncompressed(compression: CompressionMode, repackUncompressed: boolean): void {
  if (!repackUncompressed || compression !== "off") return;
  throw cliError("CLI_OPTIONS_CONFLICT", {
    first: "--repack-uncompressed",
    second: "--compression off",
    reason: "nothing would be compressed",
  });
}
