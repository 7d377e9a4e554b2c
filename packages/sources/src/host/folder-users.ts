/** Who uses a folder of data: servers keep files in it open, or work in it. */
import { readFile, readdir, readlink, realpath } from "node:fs/promises";

/**
 * Processes that have a file below a folder open or mapped, or that work in it and bear a certain name; as far as this process may look:
 * root sees all, others their own.
 * @param workers names of programs whose working folder counts, too; a shell that somebody left there does not
 * @param proc where the system shows its processes
 */
export async function processesUsing(folder: string, workers: RegExp, proc = "/proc"): Promise<number[]> {
  const real = await realpath(folder).catch(() => folder);
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found: number[] = [];
  for (const pid of pids) {
    if (await isUsing(`${proc}/${pid}`, real, workers)) found.push(Number(pid));
  }
  return found;
}

async function isUsing(folderOfProcess: string, folder: string, workers: RegExp): Promise<boolean> {
  // It may have ended meanwhile, or belong to somebody else.
  for (const file of await readdir(`${folderOfProcess}/fd`).catch(() => [])) {
    const target = await readlink(`${folderOfProcess}/fd/${file}`).catch(() => "");
    if (target.startsWith(`${folder}/`)) return true;
  }
  if ((await readlink(`${folderOfProcess}/cwd`).catch(() => "")) !== folder) return false;
  return workers.test((await readFile(`${folderOfProcess}/comm`, "utf8").catch(() => "")).trim());
}
