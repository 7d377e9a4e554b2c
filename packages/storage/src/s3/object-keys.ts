/** Names of objects in a bucket: restic's layout below a prefix. */
import type { FileKey, FileType } from "../backend.ts";
import { folderOf, isFileName, pathOf } from "../keys.ts";

/** What all names of files of a type begin with, relative to the repository. */
export function folderPrefix(type: FileType): string {
  return type === "config" ? "config" : `${folderOf(type)}/`;
}

/**
 * The name of the file of `type` that an object is; `undefined` for foreign objects.
 * @param path relative to the repository
 */
export function fileNameOf(type: FileType, path: string): string | undefined {
  const name = type === "config" ? "" : path.slice(path.lastIndexOf("/") + 1);
  if (!isFileName(type, name)) return undefined;
  const key: FileKey = { type, name };
  return pathOf(key) === path ? name : undefined;
}
