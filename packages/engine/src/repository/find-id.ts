/** Finds the full id for what a person typed: a whole id or the beginning of one. */
import { engineError } from "../errors.ts";
import { isId, type Id } from "../format/id.ts";
import type { Repository } from "./repository.ts";
import type { FileType } from "@holdfast/storage";

type NamedType = Exclude<FileType, "config">;

/**
 * @param types files of this type, or of any of these; errors name the first
 * @throws ENGINE_ID_NOT_FOUND, ENGINE_NOT_FORGOTTEN, ENGINE_ID_AMBIGUOUS
 */
export async function findFileId(
  repository: Repository,
  types: NamedType | readonly [NamedType, ...NamedType[]],
  text: string,
  { signal }: { signal: AbortSignal },
): Promise<Id> {
  const among = typeof types === "string" ? ([types] as const) : types;
  const [type] = among;
  if (!/^[0-9a-f]{1,64}$/.test(text)) throw notFound(type, text);
  // The same name in two places is one file that was being moved.
  const matches = new Set<Id>();
  for (const each of among) {
    for await (const { id } of repository.files(each, { signal })) {
      if (id === text && isId(text)) return id;
      if (id.startsWith(text)) matches.add(id);
    }
  }
  const [only] = matches;
  if (only === undefined) throw notFound(type, text);
  if (matches.size > 1) {
    throw engineError("ENGINE_ID_AMBIGUOUS", {
      type,
      text,
      matches: [...matches].slice(0, 5).map((id) => id.slice(0, Math.max(12, text.length + 4))),
    });
  }
  return only;
}

/** The error for a text that no file of a type has, with the command that lists those that are there. */
export function notFound(type: NamedType, text: string): Error {
  return type === "forgotten"
    ? engineError("ENGINE_NOT_FORGOTTEN", { text })
    : engineError("ENGINE_ID_NOT_FOUND", { type, text, list: LISTS[type] });
}

/** The error for a snapshot that is in none of several copies. */
export function notFoundSnapshot(text: string): Error {
  return notFound("snapshot", text.replace(/:.*/s, ""));
}

const LISTS: Readonly<Record<Exclude<NamedType, "forgotten">, string>> = {
  snapshot: "snapshots",
  hold: "hold list",
  key: "key list",
  lock: "list locks",
  index: "list index",
  pack: "list packs",
  // Nobody names one; `snapshots` shows what they say.
  evidence: "snapshots",
  // Nor one of these.
  retention: "object-lock status",
};
