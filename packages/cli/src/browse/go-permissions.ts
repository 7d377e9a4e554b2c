/** The text of a Go `os.FileMode`, which restic prints as `permissions`. */

/** A letter for each bit, from the highest down, above the nine of `rwxrwxrwx`. */
const LETTERS = "dalTLDpSugct?";
const PERMISSIONS = "rwxrwxrwx";

/** `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`, `urwxr-xr-x`, `Dcrw-rw-rw-` and so on. @param mode as `goFileMode` gives it */
export function goPermissions(mode: number): string {
  const kind = [...LETTERS].filter((_, at) => ((mode >>> (31 - at)) & 1) === 1).join("");
  const bits = [...PERMISSIONS].map((letter, at) => (((mode >>> (8 - at)) & 1) === 1 ? letter : "-"));
  return `${kind === "" ? "-" : kind}${bits.join("")}`;
}
