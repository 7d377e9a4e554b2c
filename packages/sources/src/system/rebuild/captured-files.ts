/** What lies in the folder of captured files, once it was restored. */
import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { compareNames, decodePath, encodePath, fsPath, lstatNs } from "@holdfast/engine";
import { type PathClass, classOf } from "./path-classes.ts";

/** Paths of the system, each class in the order of names; folders come before what is in them. */
export type PathsByClass = Readonly<Record<PathClass, readonly string[]>>;

export function classifyFiles(folder: string): PathsByClass {
  const found: Record<PathClass, string[]> = { file: [], identity: [], disks: [], network: [], kept: [] };
  const walk = (path: string): void => {
    const names = readdirSync(fsPath(`${folder}${path}`), { encoding: "buffer" }).map((name) => decodePath(name));
    for (const name of names.sort(compareNames)) {
      const child = posix.join(path, name);
      const { type } = lstatNs(`${folder}${child}`);
      // Servers make their sockets anew.
      if (type !== "socket") found[classOf(child)].push(child);
      if (type === "dir") walk(child);
    }
  };
  walk("/");
  return found;
}

/** As tar reads a list: relative, each ended by a NUL. */
export function nulList(paths: readonly string[]): Uint8Array {
  return Buffer.concat(paths.flatMap((path) => [encodePath(path.slice(1)), Buffer.alloc(1)]));
}
