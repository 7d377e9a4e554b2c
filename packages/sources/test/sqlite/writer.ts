/** Moves money between accounts until it is ended: `node writer.ts DATABASE`. The sum never changes. */
import { DatabaseSync } from "node:sqlite";

const database = new DatabaseSync(process.argv[2] as string, { timeout: 60_000 });
const move = database.prepare("UPDATE account SET balance = balance + ? WHERE id = ?");
const note = database.prepare("INSERT INTO transfer (source, target, amount) VALUES (?, ?, ?)");
process.stdout.write("writing\n");
for (let n = 0; ; n++) {
  const [source, target, amount] = [n % 100, (n * 7 + 1) % 100, n % 13];
  database.exec("BEGIN IMMEDIATE");
  move.run(-amount, source);
  move.run(amount, target);
  note.run(source, target, amount);
  database.exec("COMMIT");
}
