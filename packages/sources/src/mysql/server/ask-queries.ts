/** Questions of the user to a restored copy, by database. */
import type { CallOptions, ProofCheck } from "../../contract/source.ts";
import { lookAt } from "../../proofs/look-at.ts";
import { type Answer, judgeAnswer, sqlOf } from "../../proofs/queries.ts";
import type { MysqlSettings } from "../settings.ts";
import type { Connection } from "./connection.ts";

export async function askQueries(
  connection: Connection,
  queries: MysqlSettings["queries"],
  { signal, onStep }: CallOptions & { readonly onStep: (step: string) => void },
): Promise<ProofCheck[]> {
  const checks: ProofCheck[] = [];
  for (const [database, own] of Object.entries(queries)) {
    for (const query of own) {
      const sql = sqlOf(query);
      onStep(`asking ${sql}`);
      checks.push(
        await lookAt(`${database}: ${sql}`, { signal }, async () => {
          const rows = await connection.ask(sql, { signal, database });
          return judgeAnswer(query, answerOf(rows));
        }),
      );
    }
  }
  return checks;
}

function answerOf([row]: readonly (readonly string[])[]): Answer {
  const first = row?.[0];
  return first === "NULL" ? null : first;
}
