/** Where a repository is, as people write it: the forms that restic understands. */
import { fileURLToPath } from "node:url";
import type { Backend } from "./backend.ts";
import { storageError } from "./errors.ts";
import { openLocal } from "./local/local-backend.ts";

/** A place that this version can open. */
export interface Location {
  readonly scheme: "local";
  /** As written; may be relative to the current folder. */
  readonly path: string;
}

/** The other schemes of restic: known, so that the message can say that they are not there rather than that they are wrong. */
const UNSUPPORTED_SCHEMES = new Set(["sftp", "s3", "rest", "azure", "gs", "b2", "swift", "rclone"]);

/**
 * Understands `/path`, `relative/path`, `local:path` and `file:///path`. What has a colon but does not start as a path is
 * taken for a misspelt scheme, as restic does, rather than for the name of a folder.
 * @throws STORAGE_UNSUPPORTED for the other schemes of restic, STORAGE_INVALID_LOCATION. No message repeats what follows a
 * scheme, as passwords stand there.
 */
export function parseLocation(text: string): Location {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  if (scheme === "local") return localPath(text.slice("local:".length), text);
  if (scheme === "file") return localPath(pathOfUrl(text), text);
  if (scheme !== undefined && UNSUPPORTED_SCHEMES.has(scheme)) throw storageError("STORAGE_UNSUPPORTED", { scheme });
  if (/^\.{0,2}\//.test(text) || !text.includes(":")) return localPath(text, text);
  const shown = `${text.slice(0, text.indexOf(":"))}:…`;
  const reason = "there is no such kind of repository; write 'local:' before the name of a folder that has a colon";
  throw storageError("STORAGE_INVALID_LOCATION", { location: shown, reason });
}

/**
 * Opens the backend at a location. Adds no decorator: see `composeBackend`. Whether there is a repository shows when its
 * `config` is loaded.
 * @throws what `parseLocation` throws
 */
export async function openBackend(text: string): Promise<Backend> {
  return openLocal(parseLocation(text).path);
}

function localPath(path: string, text: string): Location {
  if (path === "") throw storageError("STORAGE_INVALID_LOCATION", { location: text, reason: "the path is empty" });
  if (path.includes("\0")) {
    throw storageError("STORAGE_INVALID_LOCATION", {
      location: text.replaceAll("\0", "\\0"),
      reason: "a path has no NUL",
    });
  }
  return { scheme: "local", path };
}

function pathOfUrl(text: string): string {
  try {
    return fileURLToPath(text);
  } catch (error) {
    const reason = "a file: address is written file:///path, without a host";
    throw storageError("STORAGE_INVALID_LOCATION", { location: text, reason }, error);
  }
}
