/**
 * Whether an account may read all that is to be captured. Without a right, a dump tool leaves out what it may not see (routines,
 * triggers, whole databases) and ends well.
 */
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { identifier, literal, unquoted } from "./sql-text.ts";

/** One right at one place: `undefined` is everywhere. */
export interface NeededRight {
  readonly right: string;
  readonly database: string | undefined;
}

interface Grant {
  readonly rights: ReadonlySet<string>;
  /** With SQL's wildcards; `undefined` is everywhere. */
  readonly pattern: string | undefined;
}

/** What a right is called besides. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  "BINLOG MONITOR": ["REPLICATION CLIENT", "SUPER"],
  "REPLICATION CLIENT": ["BINLOG MONITOR", "SUPER"],
};

/** @throws SOURCES_CREDENTIALS with the GRANT for each right that is lacking */
export async function requireRights(
  connection: Connection,
  needed: readonly NeededRight[],
  options: CallOptions,
): Promise<void> {
  const rows = await connection.query("SHOW GRANTS; SELECT CURRENT_USER()", options);
  const account = rows.pop()?.[0] ?? "";
  const missing = missingRights(
    rows.map(([line]) => line as string),
    needed,
  );
  if (missing.length === 0) return;
  const at = account.lastIndexOf("@");
  const who = `${literal(account.slice(0, at))}@${literal(account.slice(at + 1))}`;
  const grants = grantsFor(missing, who);
  const shown = grants.slice(0, 5).join("; ");
  const more = grants.length > 5 ? ` (and ${grants.length - 5} more)` : "";
  throw sourcesError("SOURCES_CREDENTIALS", {
    source: connection.tools.source,
    reason: `${account} lacks rights, so that the capture would not be whole. As an administrator: ${shown}${more}`,
  });
}

/** @param grants lines of SHOW GRANTS, those of roles included */
export function missingRights(grants: readonly string[], needed: readonly NeededRight[]): NeededRight[] {
  const held = grants.flatMap(parseGrant);
  return needed.filter(
    ({ right, database }) =>
      !held.some(
        ({ rights, pattern }) =>
          (rights.has("ALL PRIVILEGES") || [right, ...(ALSO[right] ?? [])].some((each) => rights.has(each))) &&
          (pattern === undefined || (database !== undefined && isLike(database, pattern))),
      ),
  );
}

/** Grants on single tables, columns and routines are not enough, and left out. */
function parseGrant(line: string): Grant[] {
  const [, rights = "", pattern = ""] = /^GRANT (.+?) ON (\*|`(?:[^`]|``)+`)\.\* TO /.exec(line) ?? [];
  if (rights === "") return [];
  return [
    {
      rights: new Set(rights.split(",").map((right) => right.trim().toUpperCase())),
      pattern: pattern === "*" ? undefined : unquoted(pattern.slice(1, -1)),
    },
  ];
}

/** `%` is anything, `_` any one character, a backslash takes the meaning from what follows. */
function isLike(name: string, pattern: string): boolean {
  const source = pattern.replaceAll(/\\(.)|[%_]|[^%_\\]+/gsu, (part, escaped: string | undefined) => {
    if (escaped !== undefined) return exactly(escaped);
    return part === "%" ? ".*" : part === "_" ? "." : exactly(part);
  });
  return new RegExp(`^${source}$`, "su").test(name);
}

/** An expression for this text and no other. */
function exactly(text: string): string {
  return [...text].map((character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`).join("");
}

function grantsFor(missing: readonly NeededRight[], who: string): string[] {
  const places = new Map<string, string[]>();
  for (const { right, database } of missing) {
    const place = database === undefined ? "*.*" : `${identifier(database)}.*`;
    places.set(place, [...(places.get(place) ?? []), right]);
  }
  return [...places].map(([place, rights]) => `GRANT ${rights.join(", ")} ON ${place} TO ${who}`);
}
