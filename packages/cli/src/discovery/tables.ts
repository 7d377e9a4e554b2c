/** What was discovered, as tables for people. */
import { displayPath } from "@holdfast/engine";
import type { Candidate, Criticality, HostView } from "@holdfast/sources";
import type { Output } from "../output/output.ts";
import { safeText } from "../output/safe-text.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, plural } from "../output/units.ts";
import { reasonTable } from "./reason-table.ts";

const HEADINGS: Readonly<Record<Criticality, string>> = {
  critical: "Critical",
  important: "Important",
  normal: "Normal",
  replaceable: "Can be had again",
};
const MOST_NORMAL = 20;

/** File systems that hold data of this machine, with how much of it is new. */
export function printFileSystems({ mounts, folders }: HostView, output: Output): void {
  const shown = mounts.filter(({ nature }) => nature === "local" || nature === "remote");
  if (shown.length === 0) return;
  const rows = shown.map(({ point, type, device, nature, totalBytes, usedBytes }) => {
    const totals = folders.of(point);
    return [
      displayPath(point),
      displayPath(device),
      nature === "remote" ? `${type}, not looked at` : type,
      bytesOf(usedBytes),
      bytesOf(totalBytes),
      bytesOf(totals?.dayBytes),
      bytesOf(totals?.weekBytes),
    ];
  });
  const right = { align: "right" } as const;
  const columns = [
    { heading: "Mounted on", shrinks: true as const },
    { heading: "Device", shrinks: true as const },
    { heading: "Type" },
    { heading: "Used", ...right },
    { heading: "Size", ...right },
    { heading: "Changed in a day", ...right },
    { heading: "in a week", ...right },
  ];
  for (const line of formatTable(columns, rows, { width: output.width })) output.print(line);
  output.print("");
}

/** A table for each criticality. @returns how many are not shown */
export function printCandidates(
  candidates: readonly Candidate[],
  output: Output,
  { all }: { readonly all: boolean },
): number {
  let hidden = 0;
  for (const criticality of Object.keys(HEADINGS) as Criticality[]) {
    const of = candidates.filter((candidate) => candidate.criticality === criticality);
    const wanted = all
      ? of
      : of.filter(({ within }) => criticality !== "replaceable" && (criticality !== "normal" || within === undefined));
    const shown = all || criticality !== "normal" ? wanted : wanted.slice(0, MOST_NORMAL);
    hidden += of.length - shown.length;
    if (shown.length === 0) continue;
    output.print(
      output.color(criticality === "critical" ? "31" : criticality === "important" ? "33" : "1", HEADINGS[criticality]),
    );
    for (const line of candidateTable(shown, output.width)) output.print(line);
    output.print("");
  }
  return hidden;
}

function candidateTable(candidates: readonly Candidate[], width: number | undefined): string[] {
  const columns = [
    { heading: "Kind" },
    { heading: "What", shrinks: true as const },
    { heading: "Size", align: "right" as const },
    { heading: "In a week", align: "right" as const },
    { heading: "Why" },
  ];
  const rows = candidates.map((candidate) => [
    kindOf(candidate),
    whatIs(candidate),
    bytesOf(candidate.sizeBytes),
    bytesOf(candidate.growth?.weekBytes),
    [safeText(candidate.reason), ...needsOf(candidate)].join("\n"),
  ]);
  return reasonTable(columns, rows, { foot: plural(candidates.length, "thing"), width });
}

/** `files (home)`: how it is captured, and what it is. */
export function kindOf({ kind, category }: Candidate): string {
  return kind === category ? kind : `${kind} (${category})`;
}

/** The title, and below it where it lies. */
export function whatIs({ title, paths, confidence }: Candidate): string {
  const head = `${safeText(title)}${confidence === "certain" ? "" : ` (${confidence})`}`;
  const where = paths
    .slice(0, 2)
    .map(displayPath)
    .filter((path) => path !== title);
  const rest = paths.length > 2 ? [`and ${plural(paths.length - 2, "more place", "more places")}`] : [];
  return [head, ...where, ...rest].join("\n");
}

function needsOf({ needs }: Candidate): string[] {
  return needs.flatMap(({ what, detail, isThere, package: debian }) => {
    if (what !== "tool") return [safeText(`needs ${what === "preparation" ? "" : `${what}: `}${detail}`)];
    if (isThere === true) return [];
    return [`needs ${detail}${debian === undefined ? "" : ` (package ${debian})`}, which is not installed`];
  });
}

/** Empty where it is not known. */
export function bytesOf(bytes: number | undefined): string {
  return bytes === undefined ? "" : formatBytes(bytes);
}
