/** Where a repository is, as people write it: the forms that restic understands. */
import type { Backend } from "./backend.ts";
import { azureLocation } from "./azure/azure-location.ts";
import { storageError } from "./errors.ts";
import type { FileThreads } from "./local/file-threads.ts";
import { localLocation, localUrlLocation } from "./local/local-location.ts";
import { rcloneLocation } from "./rclone/rclone-location.ts";
import { restLocation } from "./rest/rest-location.ts";
import { googleLocation, s3Location } from "./s3/s3-location.ts";
import { sftpLocation } from "./sftp/sftp-location.ts";
import { webdavLocation } from "./webdav/webdav-location.ts";

/** A place that was understood, and not touched yet. */
export interface Location {
  readonly scheme: string;
  /** For people and messages. Holds no secret. */
  readonly shown: string;
  /**
   * Opens the backend and adds no decorator: see `composeBackend`. Whether there is a repository shows when its `config` is
   * loaded.
   * @throws STORAGE_NO_CREDENTIALS, STORAGE_INVALID_OPTION, and what connecting throws
   */
  open(surroundings: Surroundings, parts?: OpenParts): Promise<Backend>;
}

/** What several backends of a process may share. */
export interface OpenParts {
  /** For local folders. Default: none, which costs less for a process that stores few files. */
  readonly fileThreads?: FileThreads;
}

/** What a backend may know of the process and its user. Only the command line reads these from the process itself. */
export interface Surroundings {
  /** A variable of the environment by its whole name; empty ones count as absent. */
  variable(name: string): string | undefined;
  /** What was given as `-o name=value`, such as `s3.region`. */
  option(name: string): string | undefined;
  /** The home folder of the user; absolute. */
  readonly home: string;
  /** What a program that is started gets to see, without passwords of repositories. Default: nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** For places that need nothing but their name. */
export const NO_SURROUNDINGS: Surroundings = { variable: () => undefined, option: () => undefined, home: "/" };

/** What follows a scheme and its colon becomes a location. @throws STORAGE_INVALID_LOCATION, which repeats no password */
type LocationParser = (rest: string) => Location;

/** The schemes that this version can open. Each adapter is loaded when it is opened, and not before. */
const SCHEMES: ReadonlyMap<string, LocationParser> = new Map<string, LocationParser>([
  ["local", localLocation],
  ["file", localUrlLocation],
  ["azure", azureLocation],
  ["rest", restLocation],
  ["rclone", rcloneLocation],
  ["s3", s3Location],
  ["sftp", sftpLocation],
  ["gs", googleLocation],
  ["webdav", webdavLocation],
]);

/** The other schemes of restic: known, so that the message can say that they are not there rather than that they are wrong. */
const UNSUPPORTED_SCHEMES = new Set(["b2", "swift"]);

/**
 * Understands `/path`, `relative/path`, `local:path`, `file:///path`, and the schemes of `SCHEMES`. What has a colon but does not
 * start as a path is taken for a misspelt scheme, as restic does, rather than for the name of a folder.
 * @throws STORAGE_UNSUPPORTED for the other schemes of restic, STORAGE_INVALID_LOCATION. No message repeats what follows a
 * scheme, as passwords stand there.
 */
export function parseLocation(text: string): Location {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  const parse = scheme === undefined ? undefined : SCHEMES.get(scheme);
  if (parse !== undefined && scheme !== undefined) return parse(text.slice(scheme.length + 1));
  if (scheme !== undefined && UNSUPPORTED_SCHEMES.has(scheme)) throw storageError("STORAGE_UNSUPPORTED", { scheme });
  if (/^\.{0,2}\//.test(text) || !text.includes(":")) return localLocation(text);
  const shown = `${text.slice(0, text.indexOf(":"))}:…`;
  const reason = "there is no such kind of repository; write 'local:' before the name of a folder that has a colon";
  throw storageError("STORAGE_INVALID_LOCATION", { location: shown, reason });
}

/** Opens the backend at a location. @throws what `parseLocation` and `Location.open` throw */
export async function openBackend(text: string, surroundings: Surroundings = NO_SURROUNDINGS): Promise<Backend> {
  return parseLocation(text).open(surroundings);
}
