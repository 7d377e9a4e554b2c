/** Splits a line into words as a shell would, without running one. */

/**
 * Words are separated by blanks. Quotes of either kind hold blanks together; in double quotes and outside of quotes a backslash
 * takes the next character as it is. `undefined` when a quote is not closed.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (char === quote) quote = "";
    else if (char === "\\" && quote !== "'" && i + 1 < line.length) word = (word ?? "") + line.charAt(++i);
    else if (quote === "" && (char === "'" || char === '"')) {
      quote = char;
      word ??= "";
    } else if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
