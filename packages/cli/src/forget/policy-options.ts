/** What the options of `forget` say: rules, floors, limits, stops that are allowed. */
import { parseDuration } from "@holdfast/base";
import type { SnapshotGrouping } from "@holdfast/engine";
import {
  DEFAULT_FLOORS,
  KEEP_COUNTS,
  KEEP_SPANS,
  type RetentionRules,
  type RetentionTexts,
  type SafetyFloors,
  type StopLimits,
  parseRetentionOptions,
} from "@holdfast/protection";
import type { GivenOptions } from "../given-options.ts";
import { groupByOption } from "../snapshot-choice.ts";
import { stopLimits } from "./limit-options.ts";

/** As restic groups. */
const DEFAULT_GROUPING: SnapshotGrouping = ["host", "paths"];

export interface ForgetSettings {
  /** `undefined` when no rule was given. */
  readonly rules: RetentionRules | undefined;
  readonly floors: SafetyFloors;
  readonly limits: StopLimits;
  readonly grouping: SnapshotGrouping;
  readonly zone: string;
  /** Names of stops that do not count. */
  readonly allowed: readonly string[];
}

/** @throws CLI_INVALID_VALUE, PROTECTION_RETENTION_COUNT, PROTECTION_RETENTION_DURATION, PROTECTION_RETENTION_KEEPS_NOTHING */
export function forgetSettings(options: GivenOptions): ForgetSettings {
  const texts: RetentionTexts = Object.fromEntries([
    ...[...Object.keys(KEEP_COUNTS), ...Object.keys(KEEP_SPANS)].map((name) => [name, options.text(name)]),
    ["keep-tag", options.list("keep-tag")],
  ]);
  const isGiven = Object.values(texts).some((text) => text !== undefined && text.length > 0);
  return {
    rules: isGiven ? parseRetentionOptions(texts) : undefined,
    floors: floorsOf(options),
    limits: stopLimits(options),
    grouping: groupByOption(options) ?? DEFAULT_GROUPING,
    zone: options.text("time-zone") ?? "snapshot",
    allowed: options.list("allow"),
  };
}

function floorsOf(options: GivenOptions): SafetyFloors {
  const count = { min: 0, max: 1_000_000 };
  const atLeast = options.number("keep-at-least", count) ?? DEFAULT_FLOORS.atLeast;
  const minAgeMs = options.parsed("min-age", "give a duration such as 7d, 12h or 0", parseDuration);
  return {
    ...DEFAULT_FLOORS,
    atLeast,
    // Whoever wants none at least does not want the newest either.
    newest: atLeast > 0,
    minAgeMs: minAgeMs ?? DEFAULT_FLOORS.minAgeMs,
    spares: options.number("spares", count) ?? DEFAULT_FLOORS.spares,
  };
}
