/** What takes out of a program's output all that changes while the system does not. */

/** Lines, without blanks at their ends; none for an empty text. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}

/** One line each, with a line end; empty for none. */
export function joinLines(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

export function sortLines(text: string): string {
  return joinLines(linesOf(text).sort());
}

/** Without comments and empty lines. */
export function withoutComments(text: string): string {
  return joinLines(linesOf(text).filter((line) => !/^\s*#/.test(line)));
}

/** Keeps lines that none of the patterns fits. */
export function withoutLines(...patterns: readonly RegExp[]): (text: string) => string {
  return (text) => joinLines(linesOf(text).filter((line) => !patterns.some((pattern) => pattern.test(line))));
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** JSON with names in order and one value a line, without members that `drop` knows. */
export function stableJson(text: string, drop: (key: string) => boolean): string {
  return `${JSON.stringify(tidy(JSON.parse(text) as Json, drop), null, 2)}\n`;
}

/** Members in the order of their names; what is empty or unknown says nothing. */
function tidy(value: Json, drop: (key: string) => boolean): Json {
  if (isList(value)) return value.map((each) => tidy(each, drop)).filter((each) => each !== null);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value)
    .filter(([key, each]) => !drop(key) && each !== null && !(isList(each) && each.every((one) => one === null)))
    .map(([key, each]): [string, Json] => [key, tidy(each, drop)]);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Counters in the form in which iptables-save prints them, and the lines with its times. */
export function iptablesRules(text: string): string {
  return withoutLines(/^#/)(text.replaceAll(/\[\d+:\d+\]/g, "[0:0]"));
}
