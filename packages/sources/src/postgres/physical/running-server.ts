/** Whether a server runs on a data folder. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@holdfast/base";
import { ifAbsent } from "./data-files.ts";

export interface RunningServer {
  readonly pid: number;
  /** In milliseconds since 1970; whole seconds. */
  readonly startedAtMs: number;
}

/** What `postmaster.pid` says, when that process is there. */
export async function runningServer(folder: string): Promise<RunningServer | undefined> {
  const text = await readFile(join(folder, "postmaster.pid"), "utf8").catch(ifAbsent);
  const [pid = "", , started = ""] = text?.split("\n") ?? [];
  if (!/^-?\d+$/.test(pid.trim()) || !isAlive(Math.abs(Number(pid)))) return undefined;
  return { pid: Math.abs(Number(pid)), startedAtMs: Number(started) * 1000 };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive, too.
    return systemCode(error) !== "ESRCH";
  }
}
