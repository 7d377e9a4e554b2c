/**
 * Times as Go's `time.Time` writes them into JSON: RFC 3339 in the zone of this process, with up to nine digits of
 * fraction and no trailing zeros. Millions of them are written in a backup, so zone offsets and the text of hours are
 * cached.
 */

/** Go's zero time, 0001-01-01T00:00:00Z. It is always written in UTC. */
export const GO_ZERO_TIME_NS = -62_135_596_800_000_000_000n;
const GO_ZERO_TIME = "0001-01-01T00:00:00Z";

const NS_PER_SECOND = 1_000_000_000n;
const HOUR = 3600;
const DAY = 86_400;
/** Offsets are cached for spans in which no zone changes its offset twice. */
const SPAN = 6 * HOUR;
/** Farthest second from 1970 that `Date` can convert. */
const DATE_LIMIT = 8_640_000_000_000;
const CACHE_SIZE = 16_384;

// Direct-mapped caches: the slot of a key is its low bits, a newcomer takes the place of what was there.
const spanKeys = new Float64Array(CACHE_SIZE).fill(Number.NaN);
const spanOffsets = new Int32Array(CACHE_SIZE);
const hourKeys = new Float64Array(CACHE_SIZE).fill(Number.NaN);
const hourTexts = new Array<string>(CACHE_SIZE).fill("");
let lastOffset = 0;
let lastZone = "Z";

/** `00:00` to `59:59`, `000` to `999`, and the latter without trailing zeros. */
const MINUTES_SECONDS = Array.from({ length: HOUR }, (_, n) => `${pad(Math.floor(n / 60), 2)}:${pad(n % 60, 2)}`);
const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => pad(n, 3));
const THREE_TRIMMED = THREE_DIGITS.map((text) => text.replace(/0+$/, ""));

/**
 * The text of an instant, in nanoseconds since 1970. A year before 0 is written as 0 and one after 9999 as 9999, as
 * restic does, since the format has no others.
 */
export function formatGoTime(ns: bigint): string {
  if (ns === GO_ZERO_TIME_NS) return GO_ZERO_TIME;
  let seconds = Number(ns / NS_PER_SECOND);
  let nanos = Number(ns % NS_PER_SECOND);
  if (nanos < 0) {
    nanos += 1_000_000_000;
    seconds -= 1;
  }
  return formatInstant(seconds, nanos);
}

function formatInstant(seconds: number, nanos: number): string {
  const offset = offsetAt(seconds);
  const local = seconds + offset;
  const hour = Math.floor(local / HOUR);
  const slot = hour & (CACHE_SIZE - 1);
  if (hourKeys[slot] !== hour) {
    const fixed = withinYears(local);
    if (fixed !== local) return formatInstant(instantOfLocal(fixed), nanos);
    hourTexts[slot] = `${dateText(Math.floor(hour / 24))}T${pad(hour - Math.floor(hour / 24) * 24, 2)}:`;
    hourKeys[slot] = hour;
  }
  if (offset !== lastOffset) {
    lastOffset = offset;
    lastZone = zoneText(offset);
  }
  const minutes = MINUTES_SECONDS[local - hour * HOUR] as string;
  return (hourTexts[slot] as string) + minutes + (nanos === 0 ? lastZone : fraction(nanos) + lastZone);
}

/** The instant of a text that Go wrote, in nanoseconds since 1970; `undefined` when it is no such text. */
export function parseGoTime(text: string): bigint | undefined {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // What is not a digit makes a number negative.
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  if (!hasSeparators(text)) return undefined;
  let nanos = 0;
  let at = 19;
  if (text.charCodeAt(at) === DOT) {
    let unit = 1_000_000_000;
    for (let digit = digitAt(text, ++at); digit >= 0; digit = digitAt(text, ++at)) {
      unit /= 10;
      nanos += digit * unit;
    }
    if (unit === 1_000_000_000 || unit < 1) return undefined;
  }
  const zone = parseZone(text, at);
  if (zone === undefined) return undefined;
  const seconds = daysFromCivil(year, month, day) * DAY + hour * HOUR + minute * 60 + second - zone;
  return BigInt(seconds) * NS_PER_SECOND + BigInt(nanos);
}

const UPPER_T = 0x54;
const UPPER_Z = 0x5a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const COLON = 0x3a;
const NO_DIGIT = -100_000;

function hasSeparators(text: string): boolean {
  return (
    text.charCodeAt(4) === MINUS &&
    text.charCodeAt(7) === MINUS &&
    text.charCodeAt(10) === UPPER_T &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON
  );
}

/** Seconds east of UTC of the zone that stands from `at` to the end; `undefined` when that is not one. */
function parseZone(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at);
  if (sign === UPPER_Z) return text.length === at + 1 ? 0 : undefined;
  if ((sign !== PLUS && sign !== MINUS) || text.length !== at + 6 || text.charCodeAt(at + 3) !== COLON)
    return undefined;
  const hours = twoDigits(text, at + 1);
  const minutes = twoDigits(text, at + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  return (hours * HOUR + minutes * 60) * (sign === MINUS ? -1 : 1);
}

function twoDigits(text: string, at: number): number {
  return digitAt(text, at) * 10 + digitAt(text, at + 1);
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : NO_DIGIT;
}

/** Offset of the process's zone at an instant, in seconds east of UTC. */
function offsetAt(seconds: number): number {
  const span = Math.floor(seconds / SPAN);
  const slot = span & (CACHE_SIZE - 1);
  if (spanKeys[slot] === span) return spanOffsets[slot] as number;
  const begin = computeOffset(span * SPAN);
  if (begin !== computeOffset(span * SPAN + SPAN - 1)) return computeOffset(seconds);
  spanKeys[slot] = span;
  spanOffsets[slot] = begin;
  return begin;
}

function computeOffset(seconds: number): number {
  const date = new Date(Math.max(-DATE_LIMIT + DAY, Math.min(DATE_LIMIT - DAY, seconds)) * 1000);
  const days = daysFromCivil(date.getFullYear(), date.getMonth() + 1, date.getDate());
  const local = days * DAY + date.getHours() * HOUR + date.getMinutes() * 60 + date.getSeconds();
  return local - Math.floor(date.getTime() / 1000);
}

/** The same local date and time of day in year 0 or 9999 if the year is outside; 29 February may become 1 March. */
function withinYears(local: number): number {
  const days = Math.floor(local / DAY);
  const { year, month, day } = civilFromDays(days);
  if (year >= 0 && year <= 9999) return local;
  return daysFromCivil(year < 0 ? 0 : 9999, month, day) * DAY + (local - days * DAY);
}

/**
 * The instant of a local time, found as Go finds it: near a change of the zone's offset there is more than one
 * answer.
 */
function instantOfLocal(local: number): number {
  return local - offsetAt(local - offsetAt(local));
}

function dateText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** Go drops the seconds that offsets had before zones were made uniform. */
function zoneText(offset: number): string {
  if (offset === 0) return "Z";
  const minutes = Math.floor(Math.abs(offset) / 60);
  const sign = offset < 0 && minutes > 0 ? "-" : "+";
  return `${sign}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`;
}

function fraction(nanos: number): string {
  const high = Math.floor(nanos / 1_000_000);
  const low = nanos % 1000;
  const middle = Math.floor(nanos / 1000) % 1000;
  if (low !== 0) {
    return `.${THREE_DIGITS[high] as string}${THREE_DIGITS[middle] as string}${THREE_TRIMMED[low] as string}`;
  }
  if (middle !== 0) return `.${THREE_DIGITS[high] as string}${THREE_TRIMMED[middle] as string}`;
  return `.${THREE_TRIMMED[high] as string}`;
}

/**
 * Days since 1970 of a date of the proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms").
 */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
