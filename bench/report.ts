/** Writes the measurements as Markdown. */
import type { Corpus } from "./corpora.ts";
import type { Program } from "./programs.ts";

export type Row =
  | { readonly corpus: string; readonly work: string; readonly cells: readonly Cell[] }
  | {
      readonly corpus: string;
      readonly work: string;
      readonly sizes: readonly { program: string; mebibytes: number }[];
    };

export interface Cell {
  readonly program: string;
  readonly seconds: number;
  readonly peakMiB: number;
}

export function writeReport(parts: {
  machine: string;
  runs: number;
  corpora: readonly Corpus[];
  programs: readonly Program[];
  rows: readonly Row[];
}): string {
  const names = parts.programs.map(({ name }) => name);
  const lines = [
    "# Benchmarks",
    "",
    `Made by \`npm run bench\` on ${parts.machine}; source, repository and target in memory (tmpfs), page cache warm, medians of`,
    `${parts.runs} runs in which the programs took turns. Ratios are the other program's time divided by Holdfast's: above 1,`,
    "Holdfast is faster. Memory is the highest resident size of the process.",
    "",
    ...parts.programs.map(({ name, version }) => `- ${name}: ${version}`),
    ...parts.corpora.map(({ name, description }) => `- ${name}: ${description}`),
    "",
    `| corpus | work | ${names.join(" | ")} | ${names
      .slice(1)
      .map((name) => `vs ${name}`)
      .join(" | ")} |`,
    `|---|---|${names.map(() => "---|").join("")}${names
      .slice(1)
      .map(() => "---|")
      .join("")}`,
    ...parts.rows.map(
      (row) => `| ${row.corpus} | ${row.work} | ${"sizes" in row ? sizeCells(row.sizes) : timeCells(row.cells)} |`,
    ),
    "",
  ];
  return lines.join("\n");
}

function timeCells(cells: readonly Cell[]): string {
  const own = cells[0]?.seconds ?? Number.NaN;
  const times = cells.map(({ seconds, peakMiB }) => `${seconds.toFixed(2)} s, ${Math.round(peakMiB)} MiB`);
  const ratios = cells.slice(1).map(({ seconds }) => `${(seconds / own).toFixed(2)}×`);
  return [...times, ...ratios].join(" | ");
}

/** For sizes the ratio is Holdfast's size divided by the other's: below 1, Holdfast stores less. */
function sizeCells(sizes: readonly { program: string; mebibytes: number }[]): string {
  const own = sizes[0]?.mebibytes ?? Number.NaN;
  const cells = sizes.map(({ mebibytes }) => `${mebibytes.toFixed(1)} MiB`);
  const ratios = sizes.slice(1).map(({ mebibytes }) => `size ${(own / mebibytes).toFixed(3)}`);
  return [...cells, ...ratios].join(" | ");
}
