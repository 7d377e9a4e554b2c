/** What a program said last, for messages. */

/** The last lines in one line, without control characters. */
export function lastLines(said: string): string {
  const lines = said.trim().split("\n").slice(-5);
  return lines
    .join("; ")
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .slice(-1000);
}
