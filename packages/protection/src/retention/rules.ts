/**
 * restic's rules, written after the behaviour of restic 0.14 and 0.19 (its doc/060_forget.rst), and compared with the
 * installed one in `test/system/retention-differential.test.ts`. A rule sees the snapshots of a group from the newest to the
 * oldest.
 */
import { instantBefore, isEmptySpan, spanText } from "./calendar-span.ts";
import type { Entry } from "./entry.ts";
import { CountRule, PERIOD_RULES, PeriodWithinRule } from "./period-rules.ts";
import type { CalendarSpan, Count, RetentionRules } from "./policy.ts";
import { type Finding, isFull, type Rule } from "./rule.ts";
import type { Zone } from "./zone.ts";

/**
 * The rules that a policy sets, in the order in which restic names them.
 * @param latest the newest snapshot that is not in the future, from which durations are measured; without one, every
 * snapshot is within them
 */
export function activeRules(rules: RetentionRules, latest: Entry | undefined, zone: Zone): Rule[] {
  const cutOff = (span: CalendarSpan): bigint | undefined =>
    latest === undefined ? undefined : instantBefore(latest.candidate.timeNs, latest.local, span, zone);
  const active: Rule[] = [];
  if (rules.tags !== undefined && rules.tags.length > 0) active.push(new TagsRule(rules.tags));
  if (isSet(rules.within)) active.push(new WithinRule(rules.within, cutOff(rules.within)));
  if (isCounted(rules.last)) active.push(new LastRule(rules.last));
  for (const { name, period } of PERIOD_RULES) {
    const count = rules[name];
    if (isCounted(count)) active.push(new CountRule(name, period, count));
  }
  for (const { name, within, period } of PERIOD_RULES) {
    const span = rules[within];
    if (isSet(span)) active.push(new PeriodWithinRule(name, period, span, cutOff(span)));
  }
  return active;
}

function isSet(span: CalendarSpan | undefined): span is CalendarSpan {
  return span !== undefined && !isEmptySpan(span);
}

function isCounted(count: Count | undefined): count is Count {
  return count !== undefined && count !== 0;
}

class TagsRule implements Rule {
  readonly #lists: readonly (readonly string[])[];

  constructor(lists: readonly (readonly string[])[]) {
    this.#lists = lists;
  }

  judge({ candidate: { tags } }: Entry): Finding {
    const met = this.#lists.filter((list) => hasTags(tags, list)).map((list) => list.join(", "));
    if (met.length === 0) return { matches: [], reason: "keep-tag: it has not all tags of any list" };
    const words = met.map((list) => (list === "" ? "no tags" : `the tags ${list}`));
    return { matches: met.map((list) => `has tags [${list}]`), reason: `keep-tag: it has ${words.join(" and ")}` };
  }
}

/** All tags of the list, seen in its order; the tag "" ends the question for a snapshot that has none. */
function hasTags(tags: readonly string[], list: readonly string[]): boolean {
  for (const tag of list) {
    if (tag === "" && tags.length === 0) return true;
    if (!tags.includes(tag)) return false;
  }
  return true;
}

class WithinRule implements Rule {
  readonly #span: string;
  readonly #cutOff: bigint | undefined;

  constructor(span: CalendarSpan, cutOff: bigint | undefined) {
    this.#span = spanText(span);
    this.#cutOff = cutOff;
  }

  judge({ candidate: { timeNs } }: Entry): Finding {
    const rule = `keep-within ${this.#span}`;
    if (this.#cutOff !== undefined && timeNs <= this.#cutOff) {
      return { matches: [], reason: `${rule}: it lies further back from the newest` };
    }
    return { matches: [`within ${this.#span}`], reason: `${rule}: it lies within that of the newest` };
  }
}

class LastRule implements Rule {
  readonly #count: Count;
  #kept = 0;

  constructor(count: Count) {
    this.#count = count;
  }

  judge(): Finding {
    const rule = `keep-last ${this.#count}`;
    if (isFull(this.#count, this.#kept)) return { matches: [], reason: `${rule}: as many are newer` };
    this.#kept++;
    return { matches: ["last snapshot"], reason: `${rule}: it is number ${this.#kept} from the newest` };
  }
}
