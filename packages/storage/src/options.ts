/** Options of backends, as they are given with `-o name=value`. */
import { splitWords } from "@holdfast/base";
import { storageError } from "./errors.ts";
import type { Surroundings } from "./location.ts";

/** @throws STORAGE_INVALID_OPTION when it is no whole number between the bounds */
export function wholeNumberOption(
  option: string,
  surroundings: Surroundings,
  { least, most }: { least: number; most: number },
): number | undefined {
  const value = surroundings.option(option);
  if (value === undefined) return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  const expected = `give a whole number from ${least} to ${most}`;
  throw storageError("STORAGE_INVALID_OPTION", { option, value, expected });
}

/** A command, split into words as a shell would, but run without one. @throws STORAGE_INVALID_OPTION */
export function commandOption(option: string, value: string): string[] {
  const words = splitWords(value);
  if (words !== undefined) return words;
  const expected = "a quote is not closed, or a backslash stands at the end";
  throw storageError("STORAGE_INVALID_OPTION", { option, value, expected });
}
