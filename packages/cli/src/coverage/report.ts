/** Shows a report of coverage: as text, or as one JSON object. */
import type { CoverageEntry, CoverageReport, CoverageState } from "@holdfast/protection/configured";
import { CATEGORIES } from "@holdfast/sources";
import { candidateJson } from "../discovery/json.ts";
import { reasonTable } from "../discovery/reason-table.ts";
import { bytesOf, kindOf, whatIs } from "../discovery/tables.ts";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, plural } from "../output/units.ts";

const HEADINGS: Readonly<Record<CoverageState, string>> = {
  bare: "Not protected",
  partly: "Partly protected",
  waived: "Not protected on purpose",
  replaceable: "Not protected, and can be had again",
  protected: "Protected",
};
/** In this order they are shown, the worst last, where a terminal still shows it. */
const SHOWN: readonly CoverageState[] = ["protected", "replaceable", "waived", "partly", "bare"];
const MOST_NORMAL = 20;
const ONLY_WITH_ALL: ReadonlySet<CoverageState> = new Set(["protected", "replaceable"]);

/** One JSON object. */
export function coverageJson(report: CoverageReport): Readonly<Record<string, unknown>> {
  return {
    first_time: report.lastAt === undefined,
    last_time: report.lastAt,
    critical_bare: report.isCriticalBare,
    entries: report.entries.map((entry) => ({
      ...candidateJson(entry.candidate),
      state: entry.state,
      by: entry.by,
      notes: entry.notes,
      left_out_bytes: entry.leftOutBytes,
      new: entry.isNew,
      waiver: entry.waiver === undefined ? undefined : { ...entry.waiver, expired: entry.isWaiverExpired },
    })),
    gone: report.gone,
    idle_waivers: report.idleWaivers,
    sums: Object.fromEntries([...report.sums].map(([state, of]) => [state, Object.fromEntries(of)])),
  };
}

/** Tables by state, then the sums by kind. */
export function printCoverage(report: CoverageReport, output: Output, { all }: { readonly all: boolean }): void {
  for (const state of SHOWN) {
    const entries = report.entries.filter((entry) => entry.state === state);
    if (entries.length === 0 || (ONLY_WITH_ALL.has(state) && !all)) continue;
    output.print(output.color(state === "bare" ? "31" : state === "partly" ? "33" : "1", HEADINGS[state]));
    const shown = all ? entries : withFewNormal(entries);
    for (const line of entryTable(shown, output.width)) output.print(line);
    const more = entries.length - shown.length;
    if (more > 0)
      output.print(`and ${plural(more, "more thing")} that ${more === 1 ? "is" : "are"} normal: --all lists them`);
    output.print("");
  }
  for (const line of sumTable(report, output.width)) output.print(line);
  for (const { what, until } of report.idleWaivers) {
    output.print(`The waiver for ${safeText(what)} (until ${until}) is about nothing that is there.`);
  }
  if (report.gone.length > 0) output.printProse(`No longer there: ${report.gone.map(safeText).join(", ")}`);
}

/** What is normal is many things on some machines, and hides what matters. */
function withFewNormal(entries: readonly CoverageEntry[]): CoverageEntry[] {
  let count = 0;
  return entries.filter(({ candidate }) => candidate.criticality !== "normal" || ++count <= MOST_NORMAL);
}

function entryTable(entries: readonly CoverageEntry[], width: number | undefined): string[] {
  const columns = [
    { heading: "" },
    { heading: "Criticality" },
    { heading: "Kind" },
    { heading: "What", shrinks: true as const },
    { heading: "Size", align: "right" as const },
    { heading: "Why" },
  ];
  const rows = entries.map((entry) => [
    entry.isNew ? "NEW" : "",
    entry.candidate.criticality,
    kindOf(entry.candidate),
    `${whatIs(entry.candidate)}\nid ${safeText(entry.candidate.id)}`,
    bytesOf(entry.candidate.sizeBytes),
    whyOf(entry).map(safeText).join("\n"),
  ]);
  return reasonTable(columns, rows, { foot: plural(entries.length, "thing"), width });
}

function whyOf({ state, by, notes, waiver, isWaiverExpired, candidate, leftOutBytes }: CoverageEntry): string[] {
  const sources = by.length === 0 ? [] : [`by ${by.join(", ")}`];
  const lost = leftOutBytes === 0 ? [] : [`${formatBytes(leftOutBytes)} of it are left out`];
  if (waiver !== undefined && !isWaiverExpired) {
    return [`${waiver.owner}, until ${waiver.until}: ${waiver.reason}`];
  }
  const expired =
    waiver === undefined ? [] : [`waiver of ${waiver.owner} has EXPIRED on ${waiver.until}: ${waiver.reason}`];
  const reason = state === "protected" ? [] : [candidate.reason];
  return [...expired, ...sources, ...notes, ...lost, ...reason];
}

/** By kind: how much of it is in which state. */
function sumTable({ sums }: CoverageReport, width: number | undefined): string[] {
  const states = SHOWN.filter((state) => sums.has(state));
  const categories = CATEGORIES.filter((category) => states.some((state) => sums.get(state)?.has(category)));
  const columns = [{ heading: "Kind" }, ...states.map((state) => ({ heading: SHORT[state], align: "right" as const }))];
  const rows = categories.map((category) => [
    category,
    ...states.map((state) => {
      const sum = sums.get(state)?.get(category);
      return sum === undefined ? "" : `${sum.count}: ${formatBytes(sum.bytes)}`;
    }),
  ]);
  return formatTable(columns, rows, { width });
}

const SHORT: Readonly<Record<CoverageState, string>> = {
  protected: "protected",
  replaceable: "replaceable",
  waived: "waived",
  partly: "partly",
  bare: "not protected",
};
