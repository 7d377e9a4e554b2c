/** Examines a database's tables and indexes by pg_amcheck. */
import { findProgram } from "@holdfast/base";
import type { CallOptions, ProofCheck } from "../contract/source.ts";
import { lookAt } from "../proofs/look-at.ts";
import type { Access } from "./psql.ts";
import { connectionString } from "./sql-text.ts";

/** `undefined` where pg_amcheck is not installed. It adds an extension to the database: for copies only. */
export async function amcheck(
  access: Access,
  database: string,
  { signal }: CallOptions,
): Promise<ProofCheck | undefined> {
  const tool = access.tool("pg_amcheck");
  if ((await findProgram(tool, "")) === undefined) return undefined;
  const args = ["--no-password", "--install-missing", "--heapallindexed", connectionString(database)];
  return lookAt(`${database}: pg_amcheck`, { signal }, async () => {
    await access.programs.text({ ...access.call, tool, args, secrets: [] }, { signal });
    return { passed: true, detail: "every page of tables, and every row in its indexes" };
  });
}
