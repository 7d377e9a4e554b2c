/** A report of measurements keeps what was not measured anew. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Measured, type Row, writeReport } from "../../bench/report.ts";

function row(work: string, cells: Record<string, string>): Row {
  return { corpus: "tree", work, cells: new Map(Object.entries(cells)), ratio: () => "2.00×" };
}

function measured(rows: Row[], how = "1 run"): Measured {
  return { how, corpora: [{ name: "tree", path: "/", description: "a tree" }], programs: [], rows };
}

const lines = (report: string): string[] => report.split("\n").filter((line) => line.startsWith("| tree"));

test("rows that were measured again are replaced, new ones follow, all others stay", () => {
  const first = writeReport(undefined, measured([row("backup", { holdfast: "1 s", restic: "2 s" }), row("find", {})]));
  const second = writeReport(first, measured([row("prune", {}), row("backup", { holdfast: "3 s" })], "5 runs"));
  expect(lines(second)).toEqual([
    "| tree | backup | 3 s | – | – | – | – | 5 runs |",
    "| tree | find | – | – | – | – | – | 1 run |",
    "| tree | prune | – | – | – | – | – | 5 runs |",
  ]);
  expect(lines(first)[0]).toBe("| tree | backup | 1 s | 2 s | – | 2.00× | – | 1 run |");
});

test("text before and behind the table stays, and so do notes on other corpora", () => {
  const report = writeReport(undefined, measured([row("find", {})])).replace("# Benchmarks", "# Ours") + "\nNot yet.\n";
  const other = { ...measured([row("find", {})]), corpora: [{ name: "small", path: "/", description: "small files" }] };
  const again = writeReport(report, other);
  expect(again).toMatch(
    /^# Ours\n[^]*\n- tree: a tree\n- small: small files\n[^]*<!-- measured: end -->\n\nNot yet\.\n$/,
  );
  expect(writeReport(again, other)).toBe(again);
});

test("a report without marks is not overwritten", () => {
  expect(() => writeReport("# Something else\n", measured([]))).toThrow("measured: begin");
});

test("nothing of the report that is published gets lost", () => {
  const published = readFileSync(new URL("../../docs/benchmarks.md", import.meta.url), "utf8");
  expect(writeReport(published, { how: "", corpora: [], programs: [], rows: [] })).toBe(published);
});
