import { expect, test } from "vitest";
import { displayWidth } from "../output/table.ts";
import { reasonTable } from "./reason-table.ts";

const columns = [{ heading: "Kind" }, { heading: "What", shrinks: true as const }, { heading: "Why" }];
const rows = [
  [
    "sqlite",
    "/srv/a/very/long/path/to/some/database/of/a/customer.db",
    "an application wrote to it within the last week\nneeds nothing",
  ],
];

test.for([60, 80, 120, 200])("at %i columns no line is wider than the terminal, and no sentence is cut", (width) => {
  const lines = reasonTable(columns, rows, { foot: "1 thing", width });
  expect(lines.filter((line) => displayWidth(line) > width)).toEqual([]);
  const words = lines.join(" ").replaceAll(/\s+/g, " ");
  for (const word of ["application", "wrote", "within", "last", "week", "needs", "nothing"])
    expect(words).toContain(word);
});

test("without a terminal each sentence is one line", () => {
  const lines = reasonTable(columns, rows, { foot: "1 thing", width: undefined });
  expect(lines.some((line) => line.includes("an application wrote to it within the last week"))).toBe(true);
});
