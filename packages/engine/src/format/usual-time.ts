/** Passes over a time in the bytes of a tree: only its form is looked at, as `parseGoTime` would judge it. */

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const COLON = 0x3a;
const UPPER_T = 0x54;
const UPPER_Z = 0x5a;

const MAX_FRACTION_DIGITS = 9;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Where a time such as `2026-11-01T22:08:41.123456789+01:00` that begins at `start` ends; -1 when there is none. */
export function endOfTime(bytes: Uint8Array, start: number): number {
  if (!isDate(bytes, start) || bytes[start + 10] !== UPPER_T || !isClock(bytes, start + 11)) return -1;
  const end = endOfFraction(bytes, start + 19);
  return end < 0 ? -1 : endOfZone(bytes, end);
}

function isDate(bytes: Uint8Array, at: number): boolean {
  const century = twoDigits(bytes, at);
  const year = twoDigits(bytes, at + 2);
  const month = twoDigits(bytes, at + 5);
  const day = twoDigits(bytes, at + 8);
  if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1) return false;
  if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return false;
  const days = DAYS[month - 1] as number;
  return day <= days || (day === 29 && month === 2 && isLeap(century * 100 + year));
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function isClock(bytes: Uint8Array, at: number): boolean {
  return (
    isBelow(24, twoDigits(bytes, at)) &&
    bytes[at + 2] === COLON &&
    isBelow(60, twoDigits(bytes, at + 3)) &&
    bytes[at + 5] === COLON &&
    isBelow(60, twoDigits(bytes, at + 6))
  );
}

function endOfFraction(bytes: Uint8Array, dot: number): number {
  if (bytes[dot] !== DOT) return dot;
  let at = dot + 1;
  for (let byte = bytes[at] as number; byte >= ZERO && byte <= NINE; byte = bytes[at] as number) at++;
  return at === dot + 1 || at > dot + 1 + MAX_FRACTION_DIGITS ? -1 : at;
}

function endOfZone(bytes: Uint8Array, at: number): number {
  if (bytes[at] === UPPER_Z) return at + 1;
  if (bytes[at] !== PLUS && bytes[at] !== MINUS) return -1;
  const isZone =
    isBelow(24, twoDigits(bytes, at + 1)) && bytes[at + 3] === COLON && isBelow(60, twoDigits(bytes, at + 4));
  return isZone ? at + 6 : -1;
}

function isBelow(limit: number, value: number): boolean {
  return value >= 0 && value < limit;
}

/** The number of two digits; below 0 for anything else. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - ZERO;
  const ones = (bytes[at + 1] as number) - ZERO;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}
