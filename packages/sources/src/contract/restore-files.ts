/** The form in which every capture can be had: as the files that it is. */
import { sourcesError } from "../errors.ts";
import { requireEmptyFolder } from "../host/empty-folder.ts";
import type { CapturedTree } from "./captured-tree.ts";
import { NO_SETTINGS, restoreSettings } from "./restore-settings.ts";
import type { RestoreOptions } from "./source.ts";

/** The folder that the user has named. @param source for messages @throws SOURCES_NO_FOLDER */
export function namedFolder({ folder }: Pick<RestoreOptions, "folder">, source: string): string {
  if (folder !== undefined) return folder;
  throw sourcesError("SOURCES_NO_FOLDER", { source });
}

/**
 * Writes a folder of the capture, or all of it, into the empty folder that the user has named.
 * @param path in the capture
 * @returns the folder
 * @throws SOURCES_NO_FOLDER, SOURCES_SETTINGS, SOURCES_TARGET_NOT_EMPTY, SOURCES_DAMAGED
 */
export async function restoreFiles(
  captured: CapturedTree,
  { source, path }: { readonly source: string; readonly path?: string },
  options: RestoreOptions,
): Promise<string> {
  const { overwrite = false, onStep, signal } = options;
  restoreSettings(NO_SETTINGS, options.settings, source);
  const folder = namedFolder(options, source);
  await requireEmptyFolder(folder, { overwrite });
  onStep(`writing files to ${folder}`);
  await captured.extract(path, folder, { signal });
  return folder;
}
