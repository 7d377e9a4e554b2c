/** Images of databases that are known by name, and the kind of source that captures such a database. */

const KINDS: readonly (readonly [RegExp, string, string])[] = [
  [/^(postgres|postgresql|postgis|timescaledb|pgvector)/, "PostgreSQL", "postgres"],
  [/^(mysql|mariadb|percona)/, "MySQL", "mysql"],
  [/^(redis|valkey)/, "Redis", "redis"],
  [/^mongo/, "MongoDB", "mongodb"],
  [/^etcd/, "etcd", "etcd"],
  [/^(openldap|slapd)/, "OpenLDAP", "openldap"],
  [/^(elasticsearch|opensearch)/, "a search engine", "command"],
  [/^(influxdb|cassandra|scylla|clickhouse|couchdb|neo4j|mssql|cockroach)/, "a database", "command"],
];

export interface KnownDatabase {
  readonly product: string;
  /** The kind of source that captures it while it runs. */
  readonly kind: string;
}

/** @param image as a container names it: `docker.io/library/postgres:15` */
export function knownDatabase(image: string): KnownDatabase | undefined {
  const last = image.split("@")[0]?.split("/").at(-1) ?? "";
  const found = KINDS.find(([name]) => name.test(last));
  return found === undefined ? undefined : { product: found[1], kind: found[2] };
}
