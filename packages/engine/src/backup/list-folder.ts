/** Lists a folder that is being backed up. */
import { readdirSync } from "node:fs";
import { compareNames, decodePath, fsPath } from "../filesystem/path-bytes.ts";

/** Names in a folder, surrogate-escaped, in the order of their bytes. Throws what the system throws. */
export function listFolder(path: string): string[] {
  const target = fsPath(path);
  const names = readdirSync(target, "utf8");
  // U+FFFD shows that a name may not be UTF-8: then only the bytes tell.
  const exact = names.some((name) => name.includes("\uFFFD"))
    ? readdirSync(target, { encoding: "buffer" }).map(decodePath)
    : names;
  return exact.sort(compareNames);
}
