/**
 * The folders in which this user has used a repository, so that an empty one can be told from one whose disk is not mounted.
 * Only the words of an error and the caution of `init` depend on it, so what cannot be read or written is passed over.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { storageError } from "../errors.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MOST_PLACES = 200;

/** One folder with the repository that was there. */
export interface KnownPlace {
  readonly path: string;
  /** The id of the repository. */
  readonly id: string;
  /** When it was used, to the day. */
  readonly usedAt: string;
}

/**
 * Notes that the repository `id` was used at `path`, when that lies on another file system than `/`: what cannot be unmounted
 * need not be remembered.
 * @param file where to keep it; made when it is missing
 */
export async function rememberPlace(file: string, path: string, id: string, nowMs = Date.now()): Promise<void> {
  const place: KnownPlace = { path: resolve(path), id, usedAt: new Date(nowMs).toISOString().slice(0, 10) };
  try {
    if ((await stat(path)).dev === (await stat("/")).dev) return;
    const places = await knownPlaces(file);
    const known = places.find((other) => other.path === place.path);
    // Once a day, so that runs need not write.
    if (known?.id === id && Date.parse(place.usedAt) - Date.parse(known.usedAt) < DAY_MS) return;
    const others = places.filter((other) => other.path !== place.path);
    const temporary = `${file}-${randomBytes(6).toString("hex")}`;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify([place, ...others].slice(0, MOST_PLACES), undefined, 1), { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    // It is a help, and not worth an error.
  }
}

/** The repository that was last used at `path`. */
export async function recallPlace(file: string, path: string): Promise<KnownPlace | undefined> {
  const wanted = resolve(path);
  return (await knownPlaces(file)).find((place) => place.path === wanted);
}

/**
 * For a folder without a repository: an error when there was one and the folder is empty now, or gone.
 * @param location the folder
 * @throws STORAGE_NOT_MOUNTED
 */
export async function assertNothingWasHere(file: string, location: string): Promise<void> {
  const known = await recallPlace(file, location);
  if (known === undefined) return;
  const names = await readdir(location).catch(() => undefined);
  // Where other files are, somebody has put the folder to another use.
  if (names === undefined || names.some((name) => name !== "lost+found")) return;
  const reason = `the folder is empty, but the repository ${known.id.slice(0, 10)} was in use there on ${known.usedAt}; is the disk mounted?`;
  throw storageError("STORAGE_NOT_MOUNTED", { location, reason });
}

async function knownPlaces(file: string): Promise<readonly KnownPlace[]> {
  try {
    const places: unknown = JSON.parse(await readFile(file, "utf8"));
    return Array.isArray(places) ? places.filter(isPlace) : [];
  } catch {
    return [];
  }
}

function isPlace(value: unknown): value is KnownPlace {
  if (typeof value !== "object" || value === null) return false;
  const { path, id, usedAt } = value as Partial<Record<keyof KnownPlace, unknown>>;
  return typeof path === "string" && typeof id === "string" && typeof usedAt === "string";
}
