/** What the configuration says of a source of kind `sqlite`. */
import { z } from "zod";
import { absolutePath } from "../contract/setting-types.ts";
import { proofQueries } from "../proofs/queries.ts";

export const sqliteSettings = z.strictObject({
  path: absolutePath.describe("The file of the database."),
  check: z
    .enum(["quick", "full", "none"])
    .default("quick")
    .describe(
      "How the copy is examined when it is captured: SQLite's quick_check, its integrity_check, or not at all.",
    ),
  queries: proofQueries,
});

export type SqliteSettings = z.infer<typeof sqliteSettings>;
