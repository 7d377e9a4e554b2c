/** Text of a report among our own. */

/** What disks, systems and files call themselves must not become a line of its own, or a command to a terminal. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, " ");
}
