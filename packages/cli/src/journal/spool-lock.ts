/** Only one may fill a spool folder at a time. */
import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@holdfast/base";
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
        await file.writeFile(`${process.pid}\n`);
      } finally {
        await file.close();
      }
      return () => rm(path, { force: true });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      const pid = Number((await readFile(path, "utf8").catch(() => "")).trim());
      if (attempt > 0 || isAlive(pid)) throw cliError("CLI_SPOOL_TAKEN", { folder, pid, path });
      await rm(path, { force: true });
    }
  }
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
