/** Which processes have files open, as far as this process may look: root sees all, others their own. */
import { readFile, readdir, readlink, realpath } from "node:fs/promises";

/** Where the system shows its processes. */
const PROC = "/proc";

/** Processes of this machine, but for this one, that have one of these files open. @param paths real absolute paths */
export function processesWithOpen(paths: readonly string[]): Promise<number[]> {
  const wanted = new Set(paths);
  return processesOf((pid) => hasOpen(pid, (path) => wanted.has(path)));
}

/**
 * Processes of this machine, but for this one, that have a file below a folder open, or that work in it and bear a certain name.
 * @param workers names of programs whose working folder counts, too; a shell that somebody left there does not
 */
export async function processesUsing(folder: string, workers: RegExp): Promise<number[]> {
  const real = await realpath(folder).catch(() => folder);
  return processesOf(
    async (pid) => (await hasOpen(pid, (path) => path.startsWith(`${real}/`))) || (await worksIn(pid, real, workers)),
  );
}

async function processesOf(isMeant: (pid: string) => Promise<boolean>): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await readdir(PROC)) {
    if (/^\d+$/.test(pid) && Number(pid) !== process.pid && (await isMeant(pid))) found.push(Number(pid));
  }
  return found;
}

// Each may have ended meanwhile, or belong to somebody else.
async function hasOpen(pid: string, isMeant: (path: string) => boolean): Promise<boolean> {
  for (const file of await readdir(`${PROC}/${pid}/fd`).catch(() => [])) {
    if (isMeant(await readlink(`${PROC}/${pid}/fd/${file}`).catch(() => ""))) return true;
  }
  return false;
}

async function worksIn(pid: string, folder: string, workers: RegExp): Promise<boolean> {
  if ((await readlink(`${PROC}/${pid}/cwd`).catch(() => "")) !== folder) return false;
  return workers.test((await readFile(`${PROC}/${pid}/comm`, "utf8").catch(() => "")).trim());
}
