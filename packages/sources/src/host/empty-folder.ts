/** A folder that files are restored into. */
import { mkdir, readdir } from "node:fs/promises";
import { systemCode } from "@holdfast/base";
import { sourcesError } from "../errors.ts";

/** Makes the folder where it is not there. @throws SOURCES_TARGET_NOT_EMPTY unless what is in it may be replaced */
export async function requireEmptyFolder(folder: string, { overwrite }: { overwrite: boolean }): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (names !== undefined && names.length > 0 && !overwrite) {
    throw sourcesError("SOURCES_TARGET_NOT_EMPTY", { target: folder });
  }
  if (names === undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
}
