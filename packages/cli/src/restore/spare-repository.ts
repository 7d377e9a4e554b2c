/** Keeps a restore from writing into the very repository that it reads, and from deleting it. */
import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { systemCode, isWithin } from "@holdfast/base";
import { displayPath } from "@holdfast/engine";
import { cliError } from "../errors.ts";

export interface RestorePlaces {
  /** Where the repository is; only a folder of this machine can be in the way. */
  readonly location: string;
  /** Absolute path of the folder to restore into; it need not exist. */
  readonly target: string;
}

/**
 * The paths inside the target that a restore must leave alone.
 * @throws CLI_TARGET_IN_REPOSITORY
 */
export function spareRepository({ location, target }: RestorePlaces): string[] {
  if (!isAbsolute(location)) return [];
  const repository = realPath(location);
  const into = realPath(target);
  if (isWithin(into, repository)) {
    throw cliError("CLI_TARGET_IN_REPOSITORY", { target: displayPath(target), location: displayPath(location) });
  }
  return isWithin(repository, into) ? [repository.slice(into === "/" ? 0 : into.length)] : [];
}

/** Without symbolic links, as far as the path exists. */
function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    const isMissing = systemCode(error) === "ENOENT" && dirname(path) !== path;
    // What cannot be looked at fails when it is restored into.
    return isMissing ? join(realPath(dirname(path)), basename(path)) : path;
  }
}
