/** Whose restored files are: a server that runs as a user of its own must be able to open them. */
import { lchown, lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Gives a file, or a folder with all in it, to whom `like` belongs. Does nothing unless this process is root's. */
export async function giveToOwnerOf(like: string, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await lstat(like);
  await give(path, uid, gid);
}

/** The nearest folder above that is there. */
export async function nearestFolder(path: string): Promise<string> {
  let above = dirname(path);
  while (
    above !== "/" &&
    !(await lstat(above).then(
      (found) => found.isDirectory(),
      () => false,
    ))
  )
    above = dirname(above);
  return above;
}

async function give(path: string, uid: number, gid: number): Promise<void> {
  await lchown(path, uid, gid);
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await give(join(path, name), uid, gid);
}
