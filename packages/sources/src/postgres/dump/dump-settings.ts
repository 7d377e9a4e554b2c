/** Settings of the method `dump`. */
import { z } from "zod";
import { duration } from "../../contract/setting-types.ts";
import { proofQueries } from "../../proofs/queries.ts";

export const databaseName = z
  .string()
  .min(1)
  .refine((name) => !name.includes("\0"), "a name has no NUL character");

export const dumpSettings = {
  databases: z
    .array(databaseName)
    .min(1, "name a database, or leave it out for all")
    .optional()
    .describe("The databases that are captured, or restored. Default: all but templates."),
  "exclude-databases": z.array(databaseName).default([]).describe("Databases that are not."),
  "same-moment": z
    .boolean()
    .default(true)
    .describe(
      "Opens a snapshot in all databases before the first is dumped: a connection for each. With false, each is as of its own turn.",
    ),
  "count-rows-up-to": z
    .int()
    .nonnegative()
    .default(100_000)
    .describe("Tables of up to so many rows, as the server estimates, are counted, and a proof compares. 0: none."),
  "lock-limit": duration
    .prefault("5m")
    .describe("How long a dump waits for a table that somebody has locked for himself."),
  "target-database": databaseName
    .optional()
    .describe("For a restore of one database: the name that it gets. Default: the one that it had."),
  owners: z
    .boolean()
    .default(true)
    .describe("Restores owners, roles and rights. With false, all belongs to whoever restores."),
  queries: z.record(databaseName, proofQueries).default({}).describe("Questions to a restored copy, by database."),
};
