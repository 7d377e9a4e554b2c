/** What stands in the target where an entry belongs: looking at it, deciding by the overwrite rule, removing it. */
import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { systemCode } from "@holdfast/base";
import { decodePath, fsPath } from "../filesystem/path-bytes.ts";
import { lstatNs, type RawStat } from "../filesystem/read-metadata.ts";
import type { TreeNode } from "../format/node.ts";
import type { AnchoredFolder } from "./anchored-folder.ts";
import type { Overwrite } from "./messages.ts";

/** The entry of that name, itself if it is a link; `undefined` when there is none. */
export function occupantOf(folder: AnchoredFolder, name: string): RawStat | undefined {
  try {
    return lstatNs(folder.at(name));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the rule lets an entry of the snapshot take the place of `occupant`, or change it. */
export function mayOverwrite(rule: Overwrite, node: TreeNode, occupant: RawStat): boolean {
  if (rule === "never") return false;
  return rule !== "if-newer" || node.mtimeNs > occupant.mtimeNs;
}

/**
 * Removes an entry, never what a link points to.
 * @param recursive also folders that are not empty
 * @throws what the system throws, ENOTEMPTY for a folder with entries
 */
export function removeEntry(folder: AnchoredFolder, name: string, type: string, recursive: boolean): void {
  if (type !== "dir") return unlinkSync(fsPath(folder.at(name)));
  if (recursive) {
    const inner = folder.child(name);
    try {
      for (const entry of namesIn(inner)) {
        const found = occupantOf(inner, entry);
        if (found !== undefined) removeEntry(inner, entry, found.type, true);
      }
    } finally {
      inner.close();
    }
  }
  rmdirSync(fsPath(folder.at(name)));
}

/** The names in a folder, surrogate-escaped, in no order. */
export function namesIn(folder: AnchoredFolder): string[] {
  return readdirSync(folder.self, { encoding: "buffer" }).map(decodePath);
}
