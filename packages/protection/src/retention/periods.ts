/** The periods of the calendar in which one snapshot stands for all: numbers that are equal within a period, and words. */
import type { LocalTime } from "./zone.ts";

export type Period = "hour" | "day" | "week" | "month" | "year";

const HOUR = 3600;
const DAY_MS = 86_400_000;

/** A number that two wall clocks share exactly when they are in the same period. An hour that is repeated is one. */
export function periodNumber(period: Period, { days, secondOfDay }: LocalTime): number {
  switch (period) {
    case "hour":
      return days * 24 + Math.floor(secondOfDay / HOUR);
    case "day":
      return days;
    case "week":
      // ISO weeks: 1 January 1970 was a Thursday, so day -3 began one.
      return Math.floor((days + 3) / 7);
    case "month": {
      const date = new Date(days * DAY_MS);
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    }
    case "year":
      return new Date(days * DAY_MS).getUTCFullYear();
  }
}

/** A period in words: `2026-06-30 14:00`, `2026-06-30`, `the week of 2026-06-29`, `2026-06`, `2026`. */
export function periodText(period: Period, local: LocalTime): string {
  switch (period) {
    case "hour":
      return `${dateText(local.days)} ${timeText(local).slice(0, 2)}:00`;
    case "day":
      return dateText(local.days);
    case "week":
      return `the week of ${dateText(periodNumber("week", local) * 7 - 3)}`;
    case "month":
      return dateText(local.days).slice(0, -3);
    case "year":
      return dateText(local.days).slice(0, -6);
  }
}

/** Date and time of day as the clock shows them: `2026-06-30 14:05`. */
export function clockText(local: LocalTime): string {
  return `${dateText(local.days)} ${timeText(local)}`;
}

function dateText(days: number): string {
  return new Date(days * DAY_MS).toISOString().slice(0, -"T00:00:00.000Z".length);
}

function timeText({ secondOfDay }: LocalTime): string {
  return new Date(secondOfDay * 1000).toISOString().slice(11, 16);
}
