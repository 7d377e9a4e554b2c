/** Reads where what is not there, or may not be seen, is nothing: of processes that end meanwhile, and folders that some systems lack. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** The names in a folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** All of a file of the kernel, which says that its size is 0. */
export function kernelText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What a link leads to. */
export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
