/** Every kind of source. */
import { commandKind } from "./command/command-kind.ts";
import type { SourceKind } from "./contract/source.ts";
import { filesKind } from "./files/files-kind.ts";
import { sqliteKind } from "./sqlite/sqlite-kind.ts";

/** By the name that the configuration uses. */
export const SOURCE_KINDS: ReadonlyMap<string, SourceKind> = new Map(
  [commandKind, filesKind, sqliteKind].map((kind) => [kind.kind, kind as SourceKind]),
);
