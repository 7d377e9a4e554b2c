/** Which processes have a file open. */
import { readdir, readlink } from "node:fs/promises";

/**
 * Processes of this machine that have one of these files open, as far as this process may look: root sees all, others their own.
 * @param paths real absolute paths
 * @param proc where the system shows its processes
 */
export async function processesWithOpen(paths: readonly string[], proc = "/proc"): Promise<number[]> {
  const wanted = new Set(paths);
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    if (Number(pid) !== process.pid && (await hasOpen(`${proc}/${pid}/fd`, wanted))) found.push(Number(pid));
  }
  return found;
}

async function hasOpen(folder: string, wanted: ReadonlySet<string>): Promise<boolean> {
  // It may have ended meanwhile, or belong to somebody else.
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const target = await readlink(`${folder}/${file}`).catch(() => "");
    if (wanted.has(target)) return true;
  }
  return false;
}
