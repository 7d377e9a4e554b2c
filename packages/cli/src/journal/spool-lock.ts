/** Only one may fill a spool folder at a time. */
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { processStart, systemCode } from "@holdfast/base";
import { cliError } from "../errors.ts";

/** The name of the lock in the folder. */
export const LOCK_FILE = "holdfast.lock";

/**
 * Takes the folder for this process. One whose holder is gone counts for nothing.
 * @returns gives it back
 * @throws CLI_SPOOL_TAKEN
 */
export async function lockSpool(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, LOCK_FILE);
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(path, "wx", 0o600);
      try {
        await file.writeFile(`${process.pid}\n${await startOf(process.pid)}\n`);
      } finally {
        await file.close();
      }
      return () => rm(path, { force: true });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      const [holder = "", start = ""] = (await readFile(path, "utf8").catch(() => "")).split("\n");
      const pid = Number(holder);
      // After a restart of the machine another process may have its number.
      const isHeld = isAlive(pid) && (start === "" || start === (await startOf(pid)));
      if (attempt > 0 || isHeld) throw cliError("CLI_SPOOL_TAKEN", { folder, pid, path });
      await rm(path, { force: true });
    }
  }
}

/** Tells a process from others that have, or had, its number; empty where it cannot be told. */
async function startOf(pid: number): Promise<string> {
  const ticks = await processStart(pid);
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return ticks === undefined ? "" : `${ticks} ${boot.trim()}`;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive, too.
    return systemCode(error) !== "ESRCH";
  }
}
