/** Questions of the configuration to a restored cluster. */
import type { CallOptions, ProofCheck } from "../contract/source.ts";
import { lookAt } from "../proofs/look-at.ts";
import { judgeAnswer, sqlOf } from "../proofs/queries.ts";
import type { Psql } from "./psql.ts";
import type { PostgresSettings } from "./settings.ts";

/** @param present databases that are there; a question to another one fails */
export async function askDatabases(
  { psql }: { readonly psql: Psql },
  queries: PostgresSettings["queries"],
  present: readonly string[],
  { signal, onStep }: CallOptions & { readonly onStep: (step: string) => void },
): Promise<ProofCheck[]> {
  const checks: ProofCheck[] = [];
  for (const [database, each] of Object.entries(queries)) {
    for (const query of each) {
      const sql = sqlOf(query);
      onStep(`asking ${database}: ${sql}`);
      checks.push(
        await lookAt(`${database}: ${sql}`, { signal }, async () =>
          present.includes(database)
            ? judgeAnswer(query, await psql.ask(database, sql, { signal }))
            : { passed: false, detail: `there is no restored database ${database}` },
        ),
      );
    }
  }
  return checks;
}
