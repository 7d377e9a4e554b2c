/** Folders of this machine, as people write them. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { storageError } from "../errors.ts";
import type { Location } from "../location.ts";
import { openLocal } from "./local-backend.ts";
import { assertVolume, volumeRule } from "./mount-guard.ts";

/** A folder; `path` may be relative to the current one. @throws STORAGE_INVALID_LOCATION */
export function localLocation(path: string): Location {
  if (path === "") throw storageError("STORAGE_INVALID_LOCATION", { location: path, reason: "the path is empty" });
  if (path.includes("\0")) {
    const location = path.replaceAll("\0", "\\0");
    throw storageError("STORAGE_INVALID_LOCATION", { location, reason: "a path has no NUL" });
  }
  return {
    scheme: "local",
    shown: path,
    async open(surroundings, { fileThreads } = {}) {
      await assertVolume(resolve(path), volumeRule(surroundings));
      return openLocal(path, fileThreads);
    },
  };
}

/** What follows `file:`. @throws STORAGE_INVALID_LOCATION */
export function localUrlLocation(rest: string): Location {
  const text = `file:${rest}`;
  try {
    return localLocation(fileURLToPath(text));
  } catch (error) {
    const reason = "a file: address is written file:///path, without a host";
    throw storageError("STORAGE_INVALID_LOCATION", { location: text, reason }, error);
  }
}
