/** Counts the files and bytes of a backup's targets ahead of it, in short turns on the main thread. Only for display. */
import { readdirSync } from "node:fs";
import { posix } from "node:path";
import { setImmediate } from "node:timers/promises";
import { decodePath, fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs } from "../filesystem/read-metadata.ts";
import type { BackupOptions } from "./options.ts";
import { Selection } from "./selection.ts";

export interface Totals {
  readonly files: number;
  readonly bytes: number;
}

/** Longest turn before the main thread looks after the workers again, in milliseconds. */
const TURN_MS = 4;

export async function countAhead(
  { targets, cwd, rules }: Pick<BackupOptions, "targets" | "cwd" | "rules">,
  signal: AbortSignal,
): Promise<Totals> {
  const selection = new Selection(rules);
  const folders: string[] = [];
  let files = 0;
  let bytes = 0;
  const visit = (path: string, explicit: boolean): void => {
    if (!explicit && selection.excludesPath(path)) return;
    try {
      const stat = lstatNs(path);
      if (selection.isRepository(stat)) return;
      if (stat.type === "dir") folders.push(path);
      else if (stat.type === "file" && (explicit || !selection.excludesSize(stat.size))) {
        files++;
        bytes += stat.size;
      }
    } catch {
      // Vanished or unreadable: the backup itself reports it.
    }
  };
  for (const target of targets) visit(posix.resolve(cwd, target), true);
  for (let turn = performance.now(), next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const name of list(next, selection)) visit(next === "/" ? `/${name}` : `${next}/${name}`, false);
    if (performance.now() - turn < TURN_MS) continue;
    await setImmediate(undefined, { signal });
    turn = performance.now();
  }
  return { files, bytes };
}

function list(path: string, selection: Selection): string[] {
  try {
    return selection.withoutTagged(path, readdirSync(fsPath(path), { encoding: "buffer" }).map(decodePath));
  } catch {
    return [];
  }
}
