/** Finds the full id for what a person typed: a whole id or the beginning of one. */
import { engineError } from "../errors.ts";
import { isId, type Id } from "../format/id.ts";
import type { Repository } from "./repository.ts";
import type { FileType } from "@holdfast/storage";

/** @throws ENGINE_ID_NOT_FOUND, ENGINE_ID_AMBIGUOUS, ENGINE_INVALID_ID */
export async function findFileId(
  repository: Repository,
  type: Exclude<FileType, "config">,
  text: string,
  { signal }: { signal: AbortSignal },
): Promise<Id> {
  if (!/^[0-9a-f]{1,64}$/.test(text)) throw engineError("ENGINE_ID_NOT_FOUND", { type, text });
  const matches: Id[] = [];
  for await (const { id } of repository.files(type, { signal })) {
    if (id === text && isId(text)) return id;
    if (id.startsWith(text)) matches.push(id);
  }
  const [only] = matches;
  if (only === undefined) throw engineError("ENGINE_ID_NOT_FOUND", { type, text });
  if (matches.length > 1) {
    throw engineError("ENGINE_ID_AMBIGUOUS", {
      type,
      text,
      matches: matches.slice(0, 5).map((id) => id.slice(0, Math.max(12, text.length + 4))),
    });
  }
  return only;
}
