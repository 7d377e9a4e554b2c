/** Where `forget` stops, as it is typed. */
import { parseDuration } from "@holdfast/base";
import { DEFAULT_LIMITS, type StopLimits } from "@holdfast/protection";
import { cliError } from "../errors.ts";
import type { GivenOptions } from "../given-options.ts";
import { parseCount } from "../values/count.ts";
import { parsePercent } from "../values/percent.ts";
import { parseTime } from "../values/time.ts";

const LIMIT_OPTIONS = [
  "max-forget-share",
  "max-forget-count",
  "max-unseen",
  "max-shrink",
  "sizes-from",
  "max-silence",
] as const;
/** What `--max-shrink` takes, wherever it is. */
export const SHRINK_EXPECTED = "give a share such as 30%, or 100% for no limit";
const COUNT = { min: 0, max: 1_000_000 };

/** @throws CLI_INVALID_VALUE */
export function stopLimits(options: GivenOptions): StopLimits {
  const maxPercent = options.parsed("max-forget-share", "give a share such as 20%, or 100% for no limit", parsePercent);
  const count = "give a whole number from 0 to 1000000, or unlimited";
  const maxCount = options.parsed("max-forget-count", count, (text) =>
    text === "unlimited" ? Number.POSITIVE_INFINITY : parseCount(text, COUNT),
  );
  const unseenPeriods = options.number("max-unseen", COUNT);
  const shrinkPercent = options.parsed("max-shrink", SHRINK_EXPECTED, parsePercent);
  const sizesFromNs = options.parsed("sizes-from", "give a time such as 2026-11-01", (text) => parseTime(text));
  const silence = "give a duration such as 30d, or 0 for no limit";
  const maxSilenceMs = options.parsed("max-silence", silence, parseDuration);
  return {
    ...DEFAULT_LIMITS,
    // Whoever names a share means it, also where few snapshots go.
    ...(maxPercent === undefined ? {} : { maxShare: maxPercent / 100, shareFrom: 1 }),
    ...(maxCount === undefined ? {} : { maxCount }),
    ...(unseenPeriods === undefined ? {} : { unseenPeriods }),
    ...(shrinkPercent === undefined ? {} : { maxShrink: shrinkPercent / 100 }),
    ...(sizesFromNs === undefined ? {} : { sizesFromMs: Number(sizesFromNs / 1_000_000n) }),
    ...(maxSilenceMs === undefined ? {} : { maxSilenceMs: maxSilenceMs === 0 ? undefined : maxSilenceMs }),
  };
}

/** Limits are for rules: nobody shall believe that they count for names. @throws CLI_OPTIONS_CONFLICT */
export function refuseLimits(options: GivenOptions): void {
  const given = LIMIT_OPTIONS.find((name) => options.count(name) > 0);
  if (given === undefined) return;
  throw cliError("CLI_OPTIONS_CONFLICT", {
    first: "named snapshots",
    second: `--${given}`,
    reason: "limits are for rules; what is named is forgotten, however much it is",
  });
}
