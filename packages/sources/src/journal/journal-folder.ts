/** Where journals lie in snapshots. */
import { captureFolder } from "../contract/capture-folder.ts";

/** The folder of a source's journal, and the only path of its snapshots: their group is their own, apart from captures. */
export function journalFolder(kind: string, name: string): string {
  return `${captureFolder(kind, name)}/journal`;
}

/** Ends the name of a file that was still being written when it was stored. */
export const PARTIAL = ".partial";
