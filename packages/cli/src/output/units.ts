/** Sizes, counts, durations and times as people read them. */
import { safeText } from "./safe-text.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `0 B`, `999 B`, `1.50 KiB`, `12.3 MiB`, `1023 GiB`: three digits, powers of 1024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.5 would round up to 1024.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const text = unit === 0 ? String(Math.round(value)) : value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  return `${text} ${UNITS[unit]}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `3 files`, `1 file`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `0:07`, `12:34`, `1:02:03`; days run on in hours. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `0:12 left` as an item of a list; no item when it cannot be told, or when it is as good as over. */
export function timeLeft(ms: number | undefined): string[] {
  return ms === undefined || ms < 500 ? [] : [`${formatDuration(ms)} left`];
}

/** `0.4 s`, `42 s`, `1:23 min`, `2:03:04 h`: how long something took, where no clock runs beside it. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  return `${formatDuration(ms)} ${seconds < 3599.5 ? "min" : "h"}`;
}

/** `2026-11-01 22:08:41` in the local time zone, or in the one given. */
export function formatLocalTime(ns: bigint, timeZone: string = Temporal.Now.timeZoneId()): string {
  const time = new Temporal.Instant(ns).toZonedDateTimeISO(timeZone);
  return time.toPlainDateTime().toString({ smallestUnit: "second" }).replace("T", " ");
}

/** An RFC 3339 time in UTC with nanoseconds, for JSON. */
export function formatInstant(ns: bigint): string {
  return new Temporal.Instant(ns).toString();
}

/** `-rw-r--r--`, with setuid, setgid and sticky as `ls` shows them. @param mode `st_mode & 07777` */
export function formatMode(type: string, mode: number): string {
  const letters: Readonly<Record<string, string>> = {
    dir: "d",
    symlink: "l",
    dev: "b",
    chardev: "c",
    fifo: "p",
    socket: "s",
  };
  const bits = [..."rwxrwxrwx"].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : "-"));
  const special = [
    { bit: 0o4000, at: 2, letter: "s" },
    { bit: 0o2000, at: 5, letter: "s" },
    { bit: 0o1000, at: 8, letter: "t" },
  ];
  for (const { bit, at, letter } of special) {
    if ((mode & bit) !== 0) bits[at] = bits[at] === "-" ? letter.toUpperCase() : letter;
  }
  return `${letters[type] ?? "-"}${bits.join("")}`;
}

/** An RFC 3339 time in the local zone; as it is, with nothing that steers a terminal, when it is none. */
export function formatGivenTime(text: string): string {
  try {
    return formatLocalTime(Temporal.Instant.from(text).epochNanoseconds);
  } catch (error) {
    if (error instanceof RangeError) return safeText(text);
    throw error;
  }
}
