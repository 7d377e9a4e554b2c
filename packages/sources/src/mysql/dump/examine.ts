/** Looks at a restored copy of a dump: every table is checked, and compared with what went by when it was dumped. */
import type { CallOptions, ProofCheck } from "../../contract/source.ts";
import { type Seen, lookAt } from "../../proofs/look-at.ts";
import type { Connection } from "../server/connection.ts";
import { type DatabaseContent, type Inventory, takeInventory } from "../server/inventory.ts";
import { identifier, literal } from "../server/sql-text.ts";
import type { Contents, DatabaseContents } from "./contents.ts";

/** So many tables in one statement. */
const BATCH = 100;
/** Answers of CHECK TABLE that say that all is well, or that the engine cannot say. */
const WELL = new Set(["OK", "Table is already up to date", "The storage engine for the table doesn't support check"]);
const MAX_SHOWN = 5;

/** CHECK TABLE … EXTENDED of all tables. */
export async function checkTables(
  connection: Connection,
  inventory: Inventory,
  options: CallOptions,
): Promise<ProofCheck> {
  return lookAt("CHECK TABLE … EXTENDED", options, async () => {
    const names = [...inventory].flatMap(([database, { tables }]) => tables.map((name) => ({ database, name })));
    const problems = await failing(connection, names, "EXTENDED", options);
    return judged(
      problems.map(({ database, name, said }) => `${database}.${name}: ${said}`),
      `tables: ${names.length}`,
    );
  });
}

/** Whether the views work that did when they were dumped. */
export async function checkViews(
  connection: Connection,
  { databases }: Contents,
  options: CallOptions,
): Promise<ProofCheck> {
  return lookAt("views", options, async () => {
    const all = databases.flatMap(({ name: database, views }) => views.map((name) => ({ database, name })));
    const wereBroken = (each: { database: string; name: string }): boolean =>
      databases.some(({ name, brokenViews }) => name === each.database && brokenViews.includes(each.name));
    const problems = (await failing(connection, all, "", options)).filter((each) => !wereBroken(each));
    const broken = databases.reduce((sum, { brokenViews }) => sum + brokenViews.length, 0);
    const detail = `views: ${all.length}${broken === 0 ? "" : `, of which did not work at the original either: ${broken}`}`;
    return judged(
      problems.map(({ database, name, said }) => `${database}.${name}: ${said}`),
      detail,
    );
  });
}

interface Failing {
  readonly database: string;
  readonly name: string;
  readonly said: string;
}

/** Those of which CHECK TABLE does not say that they are well; of a view it says whether what it refers to is there. */
export async function failing(
  connection: Connection,
  tables: readonly { readonly database: string; readonly name: string }[],
  how: "EXTENDED" | "",
  options: CallOptions,
): Promise<Failing[]> {
  const found: Failing[] = [];
  for (let at = 0; at < tables.length; at += BATCH) {
    const batch = tables.slice(at, at + BATCH);
    const list = batch.map(({ database, name }) => `${identifier(database)}.${identifier(name)}`);
    const rows = await connection.query(`CHECK TABLE ${list.join(", ")} ${how}`, options);
    for (const { database, name } of batch) {
      const said = rows.filter(([table]) => table === `${database}.${name}`);
      const bad = said.filter(([, , , text = ""]) => !WELL.has(text));
      if (said.length === 0) found.push({ database, name, said: "it was not checked" });
      else if (bad.length > 0)
        found.push({ database, name, said: bad.map(([, , kind, text]) => `${kind}: ${text}`).join(", ") });
    }
  }
  return found;
}

/** Tables, rows, views and code of one database. @param withHistory former rows were dumped too */
export async function compareContents(
  connection: Connection,
  dumped: DatabaseContents,
  inventory: Inventory,
  { signal, withHistory }: CallOptions & { withHistory: boolean },
): Promise<ProofCheck> {
  return lookAt(`${dumped.name}: tables, rows and code`, { signal }, async () => {
    const now = inventory.get(dumped.name);
    if (now === undefined) return { passed: false, detail: "the database is not there" };
    const tables = new Map(Object.entries(dumped.tables));
    const problems = [
      ...[...tables.keys()]
        .filter((name) => !now.tables.includes(name))
        .map((name) => `the table ${name} is not there`),
      ...(dumped.sequences ?? [])
        .filter((name) => !now.sequences.includes(name))
        .map((name) => `the sequence ${name} is not there`),
      ...dumped.views.filter((name) => !now.views.includes(name)).map((name) => `the view ${name} is not there`),
      ...(["routines", "triggers", "events"] as const)
        .filter((what) => dumped[what] !== undefined && dumped[what] !== now[what])
        .map((what) => `${what}: ${now[what]} instead of ${dumped[what]}`),
    ];
    const counts = await countRows(connection, dumped.name, now, { signal, withHistory });
    let total = 0;
    for (const [table, rows] of tables) {
      const count = counts.get(table);
      total += count ?? 0;
      if (count !== undefined && count !== rows) {
        problems.push(`the table ${table} has ${count} rows, and ${rows} were dumped`);
      }
    }
    const { views, routines, triggers, events } = now;
    const code = `views: ${views.length}, routines: ${routines}, triggers: ${triggers}, events: ${events}`;
    return judged(problems, `tables: ${tables.size}, rows: ${total}, ${code}`);
  });
}

async function countRows(
  connection: Connection,
  database: string,
  { tables, versioned }: DatabaseContent,
  { signal, withHistory }: CallOptions & { withHistory: boolean },
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (let at = 0; at < tables.length; at += BATCH) {
    const statements = tables.slice(at, at + BATCH).map((table) => {
      const all = withHistory && versioned.includes(table) ? " FOR SYSTEM_TIME ALL" : "";
      return `SELECT ${literal(table)}, COUNT(*) FROM ${identifier(database)}.${identifier(table)}${all}`;
    });
    const rows = await connection.query(statements.join(";"), { signal });
    for (const [table = "", count] of rows) counts.set(table, Number(count));
  }
  return counts;
}

/** What the databases of a dump hold, as a server has them now. */
export function inventoryOf(connection: Connection, contents: Contents, options: CallOptions): Promise<Inventory> {
  return takeInventory(
    connection,
    contents.databases.map(({ name }) => name),
    options,
  );
}

function judged(problems: readonly string[], detail: string): Seen {
  if (problems.length === 0) return { passed: true, detail };
  const more = problems.length > MAX_SHOWN ? ` (and ${problems.length - MAX_SHOWN} more)` : "";
  return { passed: false, detail: `${problems.slice(0, MAX_SHOWN).join("; ")}${more}` };
}
