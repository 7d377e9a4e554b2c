/** Which databases of a capture are restored, and under which names. */
import { sourcesError } from "../../errors.ts";
import type { PostgresSettings } from "../settings.ts";
import type { DatabaseFacts, DumpDetail } from "./dump-facts.ts";

type Choice = Pick<PostgresSettings, "databases" | "exclude-databases">;

/** @throws SOURCES_SETTINGS when one was named that the capture does not have */
export function chosenDumps({ databases }: DumpDetail, settings: Choice, source: string): readonly DatabaseFacts[] {
  const { databases: named, "exclude-databases": excluded } = settings;
  const absent = (named ?? []).find((name) => !databases.some((each) => each.name === name));
  const chosen = databases.filter(
    ({ name }) => (named === undefined || named.includes(name)) && !excluded.includes(name),
  );
  if (absent === undefined && chosen.length > 0) return chosen;
  const there = `it has ${databases.map(({ name }) => name).join(", ")}`;
  const reason = absent === undefined ? "no database of the capture is left" : `the capture has no database ${absent}`;
  throw sourcesError("SOURCES_SETTINGS", { source, reason: `${reason}; ${there}` });
}

/** The name that a database gets. @throws SOURCES_SETTINGS when several would get one */
export function targetName(
  facts: DatabaseFacts,
  all: readonly DatabaseFacts[],
  settings: Pick<PostgresSettings, "target-database">,
  source: string,
): string {
  const { "target-database": target } = settings;
  if (target === undefined) return facts.name;
  if (all.length === 1) return target;
  const reason = `target-database is for one database, and ${all.length} would be restored: name one with databases`;
  throw sourcesError("SOURCES_SETTINGS", { source, reason });
}
