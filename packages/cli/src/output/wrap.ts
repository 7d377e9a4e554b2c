/** Breaks texts into lines for terminals. */

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
