/**
 * Asks what lies in a place before its repository is open and locked: a list needs no key. What it says may have changed since, so
 * it is a hint: it tells what can be asked for at once, and which question may be left out where a wrong answer costs work alone.
 */
import type { Backend, FileType } from "@holdfast/storage";
import { isId, type Id } from "../format/id.ts";

/**
 * The names of all files of a type; `undefined` when there are more than `most`, which ends the list, and when they cannot be
 * listed: whoever needs them asks again, and gets the error. Never rejects.
 */
export async function listEarly(
  backend: Backend,
  type: Exclude<FileType, "config">,
  { signal, most }: { readonly signal: AbortSignal; readonly most: number },
): Promise<ReadonlySet<Id> | undefined> {
  const names = new Set<Id>();
  try {
    for await (const { name } of backend.list(type, { signal })) {
      if (!isId(name)) continue;
      if (names.size === most) return undefined;
      names.add(name);
    }
    return names;
  } catch {
    return undefined;
  }
}
