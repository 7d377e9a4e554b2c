/** Paths in paths. */

/** Whether a path is another, or lies in it. Both are absolute and without a slash at their ends. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
