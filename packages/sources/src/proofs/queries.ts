/** Questions of the user to a restored database, as checks of a proof. */
import { z } from "zod";
import type { Seen } from "./look-at.ts";

/** As a setting: the answer is the first column of the first row. */
export const proofQueries = z
  .array(
    z.union(
      [
        z.string().min(1),
        z.strictObject({ sql: z.string().min(1), expect: z.union([z.string(), z.number(), z.boolean()]) }),
      ],
      { error: "give a query, or `sql` and `expect`" },
    ),
  )
  .default([])
  .describe(
    "Queries that a restored copy must answer: the first column of the first row is what `expect` says, or else neither empty, 0 nor false.",
  );

export type ProofQuery = z.infer<typeof proofQueries>[number];

export function sqlOf(query: ProofQuery): string {
  return typeof query === "string" ? query : query.sql;
}

/** What a database answered; `undefined` for no row, `null` for its NULL. */
export type Answer = string | number | bigint | boolean | null | undefined;

/** Whether the answer is what it should be. */
export function judgeAnswer(query: ProofQuery, answer: Answer): Seen {
  const shown = answer === undefined ? "no row" : answer === null ? "NULL" : String(answer).slice(0, 200);
  if (typeof query === "string") {
    const isNothing = answer === undefined || answer === null || ["", "0", "f", "false"].includes(String(answer));
    return { passed: !isNothing, detail: shown };
  }
  const expected = String(query.expect);
  const passed = answer !== undefined && answer !== null && sameValue(String(answer), query.expect);
  const detail = passed ? shown : `${shown}, where ${expected} was expected`;
  return { passed, detail };
}

/** Databases print truth as t, 1 or true. */
function sameValue(answer: string, expected: string | number | boolean): boolean {
  if (typeof expected !== "boolean") return answer === String(expected);
  return (expected ? ["t", "true", "1"] : ["f", "false", "0"]).includes(answer);
}
