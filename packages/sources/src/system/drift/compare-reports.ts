/** What changed between two reports on a system, topic by topic. */
import type { Report } from "../topics/collect.ts";
import { type Json, linesOf } from "../topics/normalise.ts";

export interface TopicDrift {
  /** The name of its file, such as `packages.txt`. */
  readonly topic: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Lines about the same thing, of which there is one before and one after. */
  readonly changed: readonly { readonly from: string; readonly to: string }[];
}

/** Topics in which something differs, in the order of their names; none when nothing has changed. */
export function compareReports(before: Report, after: Report): TopicDrift[] {
  const topics = [...new Set([...before.keys(), ...after.keys()])].sort();
  return topics.flatMap((topic) => {
    const drift = topicDrift(topic, before.get(topic), after.get(topic));
    return drift.added.length + drift.removed.length + drift.changed.length === 0 ? [] : [drift];
  });
}

function topicDrift(topic: string, before: string | undefined, after: string | undefined): TopicDrift {
  const [old, now] = [before, after].map((text) => shownLines(topic, text ?? "")) as [string[], string[]];
  const removed = without(old, now);
  const added = without(now, old);
  const changed: { from: string; to: string }[] = [];
  const starts = countBy([...removed, ...added].map(subject));
  for (const from of removed) {
    const to = added.find((line) => subject(line) === subject(from));
    if (to !== undefined && starts.get(subject(from)) === 2) changed.push({ from, to });
  }
  const paired = new Set(changed.flatMap(({ from, to }) => [from, to]));
  return {
    topic,
    added: added.filter((line) => !paired.has(line)),
    removed: removed.filter((line) => !paired.has(line)),
    changed,
  };
}

/** Lines of `all` that are not in `others`, as often as they are there more often. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const counts = countBy(others);
  return all.filter((line) => {
    const left = counts.get(line) ?? 0;
    if (left > 0) counts.set(line, left - 1);
    return left === 0;
  });
}

function countBy(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** What a line is about: the file or repository that it names, else its first word. */
function subject(line: string): string {
  const found =
    /^(?:changed|missing|unowned) (\S+)/.exec(line) ?? /^((?:deb|deb-src) (?:\[[^\]]*\] )?\S+ \S+)/.exec(line);
  return found?.[1] ?? /^[^\s:=]*/.exec(line)?.[0] ?? "";
}

/** Lines of several files, each behind a heading with its path, say themselves of which they are. */
function withPlaces(lines: readonly string[]): string[] {
  let place = "";
  return lines.flatMap((line) => {
    const heading = /^# (\/\S+)$/.exec(line)?.[1];
    if (heading !== undefined) place = `${heading}: `;
    return heading === undefined ? [place + line] : [];
  });
}

/** A value of JSON becomes a line that says where it stands, so that it can be told without what is around it. */
function shownLines(topic: string, text: string): string[] {
  if (!topic.endsWith(".json")) return withPlaces(linesOf(text));
  try {
    return flatten(JSON.parse(text) as Json, "");
  } catch {
    return linesOf(text);
  }
}

/** What tells entries of a list from each other. */
const NAMES = ["name", "ifname", "path", "field", "lv_name", "vg_name", "pv_name"];

function flatten(value: Json, at: string): string[] {
  if (value === null || typeof value !== "object") return [`${at === "" ? "value" : at} = ${String(value)}`];
  if (!Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, each]) => flatten(each, at === "" ? key : `${at}.${key}`));
  }
  return (value as Json[]).flatMap((each, n) => {
    const named = each as Readonly<Record<string, Json>> | null;
    const name =
      typeof each === "object" ? NAMES.map((key) => named?.[key]).find((one) => typeof one === "string") : undefined;
    return flatten(each, `${at}[${String(name ?? n)}]`);
  });
}
