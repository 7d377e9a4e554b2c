/** What a capture by dumps tells of each database, as it is kept with the capture. */
import { z } from "zod";
import { type StoredFacts, detailBy } from "../../contract/facts.ts";

/** The file with roles and tablespaces, in the capture. */
export const GLOBALS_FILE = "globals.sql";
/** The folder with the dumps. */
const DUMPS_FOLDER = "databases";

const count = z.int().nonnegative();

const databaseFacts = z.object({
  name: z.string().min(1),
  /** Where its dump is, in the capture. */
  file: z.string().regex(/^databases\/[^/\0]+$/),
  /** When its state was what the dump shows, by the server's clock. */
  takenAt: z.iso.datetime(),
  /** Which transactions the dump sees: PostgreSQL's text for a snapshot. Where two databases have the same, they fit together. */
  snapshot: z.string(),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** libc, icu or builtin. */
  provider: z.string(),
  locale: z.string().nullable(),
  /** Of the collation, as the database has it: where another system has another, indexes of text are to be built anew. */
  collationVersion: z.string().nullable(),
  sizeBytes: count,
  extensions: z.array(z.object({ name: z.string(), version: z.string() })),
  /** Besides the usual one. */
  tablespaces: z.array(z.string()),
  /** That own something in it, or have rights to something. */
  roles: z.array(z.string()),
  subscriptions: z.array(z.string()),
  /** Nothing is in it but what every new database has. */
  isEmpty: z.boolean(),
  tables: count,
  sequences: count,
  largeObjects: count,
  /** As the server estimates, in all tables. */
  estimatedRows: count,
  /** Rows that were counted in what the dump shows. */
  counts: z.array(z.object({ schema: z.string(), table: z.string(), rows: count })),
});

const dumpDetail = z.object({
  method: z.literal("dump"),
  /** Whether globals hold the (hashed) passwords of roles. */
  passwords: z.boolean(),
  /** True when all databases are proven to be as of one moment. */
  sameMoment: z.boolean(),
  /** The cluster's first role, which may do everything. */
  superuser: z.string(),
  databases: z.array(databaseFacts).min(1),
});

/** Of one database. */
export type DatabaseFacts = z.infer<typeof databaseFacts>;
/** Of all of them. */
export type DumpDetail = z.infer<typeof dumpDetail>;

/** What a capture tells. @throws SOURCES_DAMAGED when it is not what a dump tells */
export function dumpDetailOf(facts: StoredFacts): DumpDetail {
  return detailBy(dumpDetail, facts);
}

/** The name of a database's dump: its own, but for what a file name cannot have. */
export function dumpFileOf(database: string): string {
  const safe = encodeURIComponent(database).replaceAll("%20", " ").replace(/^\./, "%2E");
  return `${DUMPS_FOLDER}/${safe}.dump`;
}

/** Whether a database holds nothing but what every new one has, as a column. */
export const IS_EMPTY = `NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid >= 16384 AND relnamespace <> 99)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS "isEmpty"`;
