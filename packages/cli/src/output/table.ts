/** Tables of text: columns as wide as their content, a rule below the heading and one above the last line. */

export interface Column {
  readonly heading: string;
  readonly align?: "right";
  /** Its cells may be shortened where the table is too wide. */
  readonly shrinks?: true;
}

/** A column that shrinks keeps at least this. */
const LEAST_WIDTH = 8;

/**
 * The lines of a table. A cell may hold several lines.
 * @param cells row by row, as many in each as there are columns; already safe to print
 * @param width columns of the terminal; `undefined`: as wide as it gets
 */
export function formatTable(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  { foot, width }: { readonly foot?: string; readonly width?: number | undefined } = {},
): string[] {
  const rows = cells.map((row) => row.map((cell) => cell.split("\n")));
  const widths = columns.map(({ heading }, at) =>
    rows.reduce((widest, row) => Math.max(widest, ...(row[at] ?? []).map(displayWidth)), displayWidth(heading)),
  );
  if (width !== undefined) shrink(columns, widths, width);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => pad(text, widths[at] ?? 0, columns[at]?.align))
      .join("  ")
      .trimEnd();
  const rule = "-".repeat(totalWidth(widths));
  const body = rows.flatMap((row) => {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    return Array.from({ length: height }, (_, at) => line(row.map((cell) => cell[at] ?? "")));
  });
  return [line(columns.map(({ heading }) => heading)), rule, ...body, rule, ...(foot === undefined ? [] : [foot])];
}

/** Takes from the columns that shrink, one after the other, what the table is too wide. */
function shrink(columns: readonly Column[], widths: number[], width: number): void {
  for (const [at, { shrinks }] of columns.entries()) {
    const excess = totalWidth(widths) - width;
    if (excess <= 0) return;
    const now = widths[at] as number;
    if (shrinks === true) widths[at] = Math.min(now, Math.max(LEAST_WIDTH, now - excess));
  }
}

function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1));
}

function pad(text: string, width: number, align: "right" | undefined): string {
  const shown = shorten(text, width);
  const room = " ".repeat(Math.max(0, width - displayWidth(shown)));
  return align === "right" ? room + shown : shown + room;
}

const PLAIN = /^[ -~]*$/;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** The text cut to a width, with `…` in the middle where something is missing. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = [...text];
  // The end of a path says more than its beginning.
  let head = "";
  let tail = "";
  let room = width - 1;
  for (let front = 0, back = characters.length - 1; front <= back;) {
    const fromTail = tail.length <= 2 * head.length;
    const next = (fromTail ? characters[back--] : characters[front++]) as string;
    room -= displayWidth(next);
    if (room < 0) break;
    if (fromTail) tail = next + tail;
    else head += next;
  }
  return `${head}…${tail}`;
}
