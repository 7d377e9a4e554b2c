/** What the thread that speaks to SQLite is asked, and what it answers: SQLite keeps whoever calls it waiting. */
import type { Answer } from "../proofs/queries.ts";

export type SqliteTask =
  /** Copies a database as it is at one moment, while others write. */
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  /** Examines a database. */
  | { readonly kind: "check"; readonly path: string; readonly how: "quick" | "full" }
  | { readonly kind: "query"; readonly path: string; readonly sql: string };

export type SqliteAnswer =
  | {
      readonly kind: "copied";
      readonly pages: number;
      readonly pageBytes: number;
      readonly journal: string;
      readonly atMs: number;
    }
  /** What is wrong; nothing when all is well. */
  | { readonly kind: "checked"; readonly problems: readonly string[] }
  | { readonly kind: "answered"; readonly answer: Answer }
  /** SQLite's own number and words. */
  | { readonly kind: "failed"; readonly code: number | undefined; readonly message: string };
