/** Splits a command into words as a POSIX shell does, with quotes and backslashes, but expands nothing. */

/** The words, or `undefined` when a quote is not closed or a backslash stands at the end. */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\\" && quote !== "'") {
      const next = text[++at];
      if (next === undefined) return undefined;
      // Within double quotes a backslash only protects these; elsewhere it stands for itself.
      const isProtecting = quote === "" || `"\\$\``.includes(next);
      word = (word ?? "") + (isProtecting ? next : `\\${next}`);
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else word = (word ?? "") + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
