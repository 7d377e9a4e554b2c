/** Breaks texts into lines for terminals. */
import { displayWidth } from "./table.ts";

/** The lines of a text, broken at spaces so that none is longer than `width` if words allow. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Prose as a terminal shows it: long lines are broken at spaces, and keep their indentation. */
export function wrapProse(text: string, width: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      if (displayWidth(line) <= width) return [line];
      const indent = " ".repeat(line.length - line.trimStart().length);
      return wrap(line.trimStart(), Math.max(1, width - indent.length)).map((part) => indent + part);
    })
    .join("\n");
}

/** A list of parts between commas, broken after some of them; further lines are set in by as much as is said. */
export function wrapList(text: string, { width, indent }: { width: number; indent: number }): string[] {
  const lines: string[] = [];
  for (const part of text.split(/(?<=,) /)) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + 1 + displayWidth(part) <= width)
      lines[lines.length - 1] += ` ${part}`;
    else lines.push(last === undefined ? part : " ".repeat(indent) + part);
  }
  return lines;
}

/** Terms on the left, what they mean on the right, as lists of options are shown. */
export function twoColumns(rows: readonly (readonly [string, string])[], width: number): string[] {
  const widest = Math.max(0, ...rows.map(([term]) => term.length).filter((length) => length <= 34));
  const indent = 2 + widest + 2;
  return rows.flatMap(([term, meaning]) => {
    const [first = "", ...rest] = wrap(meaning, Math.max(30, width - indent));
    const head =
      term.length <= widest ? [`  ${term.padEnd(widest)}  ${first}`] : [`  ${term}`, " ".repeat(indent) + first];
    return [...head, ...rest.map((line) => " ".repeat(indent) + line)];
  });
}
