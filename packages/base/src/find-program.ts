/** Finds programs as a shell would, without asking one. */
import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/**
 * The absolute path of a program; `undefined` when there is none that may be run. A name with a slash is a path itself. Folders
 * in `PATH` that are not absolute are passed over: what is run must not depend on where one stands.
 * @param path as the variable PATH has it
 */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  const folders = path.split(delimiter).filter(isAbsolute);
  const candidates = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
  for (const candidate of candidates) {
    if (await isProgram(candidate)) return candidate;
  }
  return undefined;
}

/**
 * The words that run a program so that it ends with this process, also when that is killed, where the system offers it. Linux
 * does, by `setpriv` of util-linux.
 * @param path as the variable PATH has it
 */
export async function endingWithUs(program: string, path: string): Promise<readonly [string, ...string[]]> {
  const setpriv = process.platform === "linux" ? await findProgram("setpriv", path) : undefined;
  return setpriv === undefined ? [program] : [setpriv, "--pdeathsig", "TERM", "--", program];
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
