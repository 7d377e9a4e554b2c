/** Tells a process from others that have, or had, its number. */
import { readFile } from "node:fs/promises";

/** When it was started, in the system's own units since the machine was; `undefined` where there is no such process, or no `/proc`. */
export async function processStart(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name of the program, in brackets, may hold anything.
  const ticks = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return ticks === undefined ? undefined : Number(ticks);
}
