/**
 * Which key opened the repository of a place last, and what deriving it took: the next time that begins at once, and its file is asked
 * for before keys were listed. That spares waits on a slow link, and where there are several keys the time to try those of others.
 * Names, costs and salts of key files are no secret. It is a help: what cannot be read or written is passed over.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Id, type KnownKey, decodeKnownKey, encodeKnownKey } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";
import { seenFolder } from "./seen-file.ts";

/** More places than one user has. */
const MOST_PLACES = 200;

type Place = Pick<CommandContext, "variables">;

/** @param location as the backend says it, without secrets */
export async function lastKey(context: Place, location: string): Promise<KnownKey | undefined> {
  return (await keysOfPlaces(context)).get(nameOf(location));
}

/** Remembers it, in place of the one before. */
export async function noteLastKey(
  context: Place,
  location: string,
  { id, parameters }: { readonly id: Id; readonly parameters: KnownKey["parameters"] | undefined },
): Promise<void> {
  if (parameters === undefined) return;
  const known = await keysOfPlaces(context);
  if (known.get(nameOf(location))?.id === id) return;
  known.delete(nameOf(location));
  const entries = [[nameOf(location), { id, parameters }] as const, ...known].slice(0, MOST_PLACES);
  const keys = Object.fromEntries(entries.map(([place, key]) => [place, encodeKnownKey(key)]));
  const path = pathOf(context);
  const temporary = `${path}-${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify(keys), { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    // It is a help, and not worth an error.
  }
}

/** The last one first. */
async function keysOfPlaces(context: Place): Promise<Map<string, KnownKey>> {
  const keys = new Map<string, KnownKey>();
  try {
    const value: unknown = JSON.parse(await readFile(pathOf(context), "utf8"));
    for (const [place, key] of Object.entries(value as Record<string, unknown>)) keys.set(place, decodeKnownKey(key));
  } catch {
    // None is known.
  }
  return keys;
}

/** A location may be long, and have any character in it. */
function nameOf(location: string): string {
  return createHash("sha256").update(location).digest("hex");
}

function pathOf(context: Place): string {
  return join(seenFolder(context), "last-keys.json");
}
