/** Every kind of source. */
import { commandKind } from "./command/command-kind.ts";
import type { SourceKind } from "./contract/source.ts";
import { dockerKind } from "./docker/docker-kind.ts";
import { etcdKind } from "./etcd/etcd-kind.ts";
import { filesKind } from "./files/files-kind.ts";
import { mongodbKind } from "./mongodb/mongodb-kind.ts";
import { mysqlKind } from "./mysql/mysql-kind.ts";
import { openldapKind } from "./openldap/openldap-kind.ts";
import { postgresKind } from "./postgres/postgres-kind.ts";
import { redisKind } from "./redis/redis-kind.ts";
import { sqliteKind } from "./sqlite/sqlite-kind.ts";
import { systemKind } from "./system/system-kind.ts";
import { vmKind } from "./vm/vm-kind.ts";

const KINDS = [
  commandKind as SourceKind,
  dockerKind as SourceKind,
  etcdKind as SourceKind,
  filesKind as SourceKind,
  mongodbKind as SourceKind,
  mysqlKind as SourceKind,
  openldapKind as SourceKind,
  postgresKind as SourceKind,
  redisKind as SourceKind,
  sqliteKind as SourceKind,
  systemKind as SourceKind,
  vmKind as SourceKind,
];

/** By the name that the configuration uses. */
export const SOURCE_KINDS: ReadonlyMap<string, SourceKind> = new Map(KINDS.map((kind) => [kind.kind, kind]));
