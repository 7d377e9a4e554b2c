/**
 * What this machine saw of a repository when it used it last: its keys, and the newest snapshot of each source that was backed up here.
 * Whoever controls the place of a repository can put back an older state, and whoever has its key can add another; neither is wrong
 * in itself, so only somebody who remembers can notice. It is a help: what cannot be read or written is passed over.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type Id, isId } from "@holdfast/engine";
import type { CommandContext } from "../context.ts";

/** More sources than one machine backs up. */
const MOST_SOURCES = 200;
const MOST_KEYS = 5_000;

/** The newest snapshot of a source, as far as this machine knows. */
export interface SeenSnapshot {
  /** The engine's `groupKey` of host and paths. */
  readonly source: string;
  readonly id: Id;
  readonly timeNs: bigint;
}

export interface Seen {
  /** When it was used last, in milliseconds since 1970. */
  readonly atMs: number;
  readonly keys: readonly Id[];
  /** The last one first. */
  readonly newest: readonly SeenSnapshot[];
}

type Place = Pick<CommandContext, "variables">;

/** What was seen of a repository; `undefined` when nothing is known. @param id of the repository */
export async function recall(context: Place, id: string): Promise<Seen | undefined> {
  const path = pathOf(context, id);
  if (path === undefined) return undefined;
  try {
    return decode(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

/** Remembers it in place of what was known before. */
export async function remember(context: Place, id: string, seen: Seen): Promise<void> {
  const path = pathOf(context, id);
  if (path === undefined) return;
  const temporary = `${path}-${randomBytes(6).toString("hex")}`;
  const newest = seen.newest.slice(0, MOST_SOURCES).map((each) => ({ ...each, timeNs: String(each.timeNs) }));
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, JSON.stringify({ ...seen, newest }), { mode: 0o600 });
    await rename(temporary, path);
  } catch {
    // It is a help, and not worth an error.
  }
}

function pathOf(context: Place, id: string): string | undefined {
  // It becomes part of a path, and comes from the repository.
  return isId(id) ? join(seenFolder(context), `${id}.json`) : undefined;
}

/** Where all that lies which this machine remembers of repositories. */
export function seenFolder({ variables }: Place): string {
  const named = variables.plain("XDG_STATE_HOME");
  const state = named?.startsWith("/") === true ? named : join(homedir(), ".local/state");
  return join(state, "holdfast", "seen");
}

function decode(value: unknown): Seen | undefined {
  const { atMs, keys, newest } = value as Partial<Record<keyof Seen, unknown>>;
  if (typeof atMs !== "number" || !Array.isArray(keys) || !Array.isArray(newest)) return undefined;
  return {
    atMs,
    keys: keys.slice(0, MOST_KEYS).filter(isId),
    newest: newest.flatMap((each) => decodeSnapshot(each) ?? []),
  };
}

function decodeSnapshot(value: unknown): SeenSnapshot | undefined {
  const { source, id, timeNs } = value as Partial<Record<keyof SeenSnapshot, unknown>>;
  if (typeof source !== "string" || !isId(id as string)) return undefined;
  if (typeof timeNs !== "string" || !/^-?\d{1,20}$/.test(timeNs)) return undefined;
  return { source, id: id as Id, timeNs: BigInt(timeNs) };
}
