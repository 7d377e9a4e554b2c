/** Names in folders, as a stream. */
import { opendir } from "node:fs/promises";
import { systemCode } from "@holdfast/base";

/** The names in a folder, a thousand at a time; none when it is missing or is no folder. */
export async function* namesIn(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder, { bufferSize: 1024 }).catch(ignoreMissing);
  // Leaving the loop early closes the folder.
  if (entries !== undefined) for await (const entry of entries) yield entry.name;
}

/** For `catch`: what is missing, or has a file where a folder should be, is `undefined`; any other error goes on. */
export function ignoreMissing(error: unknown): undefined {
  const code = systemCode(error);
  if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
}
