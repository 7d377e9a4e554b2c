/** Reads the values of restic's `--keep-…` options into rules. */
import { protectionError } from "../errors.ts";
import { isEmptySpan } from "./calendar-span.ts";
import type { CalendarSpan, Count, RetentionRules } from "./policy.ts";

/** The names of the options, without the dashes, and the rules that they set. */
export const KEEP_COUNTS = {
  "keep-last": "last",
  "keep-hourly": "hourly",
  "keep-daily": "daily",
  "keep-weekly": "weekly",
  "keep-monthly": "monthly",
  "keep-yearly": "yearly",
} as const satisfies Record<string, keyof RetentionRules>;

/** As `KEEP_COUNTS`, for the options that take a duration. */
export const KEEP_SPANS = {
  "keep-within": "within",
  "keep-within-hourly": "withinHourly",
  "keep-within-daily": "withinDaily",
  "keep-within-weekly": "withinWeekly",
  "keep-within-monthly": "withinMonthly",
  "keep-within-yearly": "withinYearly",
} as const satisfies Record<string, keyof RetentionRules>;

/** The options as they were typed. `keep-tag` may be given several times, each a list of tags with commas. */
export type RetentionTexts = {
  readonly [name in keyof typeof KEEP_COUNTS | keyof typeof KEEP_SPANS]?: string | undefined;
} & { readonly "keep-tag"?: readonly string[] | undefined };

const MAX_DIGITS = 9;

/**
 * The rules that the options set.
 * @throws PROTECTION_RETENTION_COUNT, PROTECTION_RETENTION_DURATION with the option's name;
 * PROTECTION_RETENTION_KEEPS_NOTHING when they set none, or only zeros
 */
export function parseRetentionOptions(texts: RetentionTexts): RetentionRules {
  const rules: { -readonly [name in keyof RetentionRules]: RetentionRules[name] } = {};
  for (const [option, rule] of Object.entries(KEEP_COUNTS)) {
    const text = texts[option as keyof typeof KEEP_COUNTS];
    if (text !== undefined) rules[rule] = parseCount(option, text);
  }
  for (const [option, rule] of Object.entries(KEEP_SPANS)) {
    const text = texts[option as keyof typeof KEEP_SPANS];
    if (text !== undefined) rules[rule] = parseSpan(option, text);
  }
  const tags = texts["keep-tag"] ?? [];
  if (tags.length > 0) rules.tags = tags.map((list) => list.split(",").map((tag) => tag.trim()));
  requireRules(rules);
  return rules;
}

/** Refuses rules that would keep nothing. @throws PROTECTION_RETENTION_KEEPS_NOTHING */
export function requireRules(rules: RetentionRules): void {
  const counts = Object.values(KEEP_COUNTS).some((rule) => (rules[rule] ?? 0) !== 0);
  const spans = Object.values(KEEP_SPANS).some((rule) => rules[rule] !== undefined && !isEmptySpan(rules[rule]));
  if (!counts && !spans && (rules.tags ?? []).length === 0) throw protectionError("PROTECTION_RETENTION_KEEPS_NOTHING");
}

/** A whole number from 0 on, `unlimited`, or -1 for the same. */
function parseCount(option: string, text: string): Count {
  const trimmed = text.trim();
  if (trimmed === "unlimited" || trimmed === "-1") return "unlimited";
  if (!/^\+?\d+$/.test(trimmed) || trimmed.length > MAX_DIGITS)
    throw protectionError("PROTECTION_RETENTION_COUNT", { option, text });
  return Number(trimmed);
}

const UNITS = { y: "years", m: "months", d: "days", h: "hours" } as const;

/** A duration such as `1y5m7d2h`: each unit at most once, in any order. */
function parseSpan(option: string, text: string): CalendarSpan {
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  const malformed = (reason: string): Error =>
    protectionError("PROTECTION_RETENTION_DURATION", { option, text, reason });
  const trimmed = text.trim();
  if (trimmed === "") throw malformed("it is empty");
  const seen = new Set<string>();
  for (let at = 0; at < trimmed.length;) {
    const digits = /^\d*/.exec(trimmed.slice(at))?.[0] ?? "";
    const unit = trimmed.charAt(at + digits.length);
    if (digits === "") throw malformed(`a number must stand before "${trimmed.slice(at)}"`);
    if (unit === "") throw malformed(`no unit stands after ${digits}`);
    if (!isUnit(unit)) throw malformed(`"${unit}" is no unit`);
    if (digits.length > MAX_DIGITS) throw malformed(`${digits} is too large`);
    if (seen.has(unit)) throw malformed(`"${unit}" stands in it twice`);
    seen.add(unit);
    span[UNITS[unit]] = Number(digits);
    at += digits.length + 1;
  }
  return span;
}

function isUnit(unit: string): unit is keyof typeof UNITS {
  return Object.hasOwn(UNITS, unit);
}
