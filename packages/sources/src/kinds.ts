/** Every kind of source. */
import { commandKind } from "./command/command-kind.ts";
import type { SourceKind } from "./contract/source.ts";
import { etcdKind } from "./etcd/etcd-kind.ts";
import { filesKind } from "./files/files-kind.ts";
import { openldapKind } from "./openldap/openldap-kind.ts";
import { redisKind } from "./redis/redis-kind.ts";
import { sqliteKind } from "./sqlite/sqlite-kind.ts";

/** By the name that the configuration uses. */
export const SOURCE_KINDS: ReadonlyMap<string, SourceKind> = new Map(
  [commandKind, etcdKind, filesKind, openldapKind, redisKind, sqliteKind].map((kind) => [
    kind.kind,
    kind as SourceKind,
  ]),
);
