/**
 * What was found in a tree, on its way between threads. Most entries are folders that only have to be gone into: as objects they
 * would cost more time than the search itself.
 */
import type { Id } from "../format/id.ts";
import type { Kept, SearchedTree } from "./tree-search.ts";

/** A tree as a text and, where there is anything in them, lists. */
export interface PackedTree {
  /** For each entry its flags, its tree and its name, all with slashes between them, which no name has. */
  readonly entries: string;
  /** Of the matches, in order. */
  readonly json?: readonly string[];
  readonly ids?: readonly (readonly Id[])[];
  /** Of folders whose tree no index lists, in order. */
  readonly missing?: readonly Id[];
  readonly unsafeNames?: readonly string[];
}

const FOLDER = 1;
const MATCH = 2;
const MISSING = 4;
const FIELDS = 3;

export function packTree({ kept, unsafeNames }: SearchedTree): PackedTree {
  const matches = kept.filter(({ isMatch }) => isMatch);
  const missing = kept.flatMap((each) => each.missing ?? []);
  const hasJson = matches.some(({ json }) => json !== "");
  const hasIds = matches.some(({ ids }) => ids.length > 0);
  return {
    entries: kept.map((each) => `${flagsOf(each)}/${each.tree}/${each.name}`).join("/"),
    ...(hasJson ? { json: matches.map(({ json }) => json) } : {}),
    ...(hasIds ? { ids: matches.map(({ ids }) => ids) } : {}),
    ...(missing.length > 0 ? { missing } : {}),
    ...(unsafeNames.length > 0 ? { unsafeNames } : {}),
  };
}

export function unpackTree({ entries, json, ids, missing, unsafeNames = [] }: PackedTree): SearchedTree {
  const fields = entries === "" ? [] : entries.split("/");
  const kept: Kept[] = [];
  let matches = 0;
  let lost = 0;
  for (let at = 0; at < fields.length; at += FIELDS) {
    const flags = Number(fields[at]);
    const isMatch = (flags & MATCH) !== 0;
    const match = isMatch ? matches++ : -1;
    kept.push({
      name: fields[at + 2] as string,
      isFolder: (flags & FOLDER) !== 0,
      tree: Number(fields[at + 1]),
      missing: (flags & MISSING) === 0 ? undefined : missing?.[lost++],
      isMatch,
      json: json?.[match] ?? "",
      ids: ids?.[match] ?? [],
    });
  }
  return { kept, unsafeNames };
}

function flagsOf({ isFolder, isMatch, missing }: Kept): number {
  return (isFolder ? FOLDER : 0) | (isMatch ? MATCH : 0) | (missing === undefined ? 0 : MISSING);
}
