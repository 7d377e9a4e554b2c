/** Tables whose last column is sentences: on a terminal these are broken into lines instead of being cut. */
import { type Column, displayWidth, formatTable } from "../output/table.ts";
import { wrap } from "../output/wrap.ts";

const GAP = 2;
/** Narrower than this, sentences are a column of single words. */
const LEAST_WIDTH = 24;
/** Of the room for both, what the column that shrinks may take. */
const SHARE = 0.45;

/**
 * The lines of a table. One of the other columns may shrink.
 * @param width columns of the terminal; `undefined`: as wide as it gets
 */
export function reasonTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { foot, width }: { readonly foot: string; readonly width: number | undefined },
): string[] {
  if (width === undefined) return formatTable(columns, rows, { foot });
  const last = columns.length - 1;
  const widths = columns.map(({ heading }, at) =>
    Math.max(displayWidth(heading), ...rows.flatMap((row) => (row[at] ?? "").split("\n").map(displayWidth))),
  );
  const shrinking = columns.findIndex(({ shrinks }) => shrinks === true);
  const fixed = widths.reduce((sum, each, at) => sum + (at === last || at === shrinking ? 0 : each), GAP * last);
  const room = width - fixed;
  const other = shrinking < 0 ? 0 : Math.min(widths[shrinking] ?? 0, Math.max(LEAST_WIDTH, Math.floor(room * SHARE)));
  const own = Math.max(LEAST_WIDTH, room - other);
  const wrapped = rows.map((row) =>
    row.map((cell, at) =>
      at === last
        ? cell
            .split("\n")
            .flatMap((line) => wrap(line, own))
            .join("\n")
        : cell,
    ),
  );
  return formatTable(columns, wrapped, { foot, width });
}
