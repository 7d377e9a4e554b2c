/** Which statements of pg_dumpall bring back the roles that a server lacks, and leave those alone that it has. */
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { GLOBALS_FILE } from "./dump-facts.ts";
import { type Statement, beginsWith, nameAfter, nameOf, splitStatements } from "./statements.ts";

export interface RolePlan {
  /** In their order. They hold hashes of passwords. */
  readonly statements: readonly string[];
  readonly created: readonly string[];
  /** That were there already and stay as they are. */
  readonly kept: readonly string[];
  /** That the captured cluster had; folders on its host. */
  readonly tablespaces: readonly string[];
}

/**
 * @param present roles that the server has
 * @param wanted only these, and the roles that they are members of. Default: all
 * @throws SOURCES_DAMAGED
 */
export function planRoles(globals: string, present: ReadonlySet<string>, wanted?: readonly string[]): RolePlan {
  const statements = statementsOf(globals);
  const all = namesAfter(statements, "CREATE", "ROLE");
  const needed = wanted === undefined ? new Set(all) : withGroups(wanted, statements);
  const created = all.filter((name) => needed.has(name) && !present.has(name));
  const isNew = new Set(created);
  const chosen = statements.flatMap((statement) => {
    const subject = subjectOf(statement);
    return subject !== undefined && isNew.has(subject) ? [textOf(statement)] : [];
  });
  return {
    statements: chosen,
    created,
    kept: all.filter((name) => needed.has(name) && present.has(name)),
    tablespaces: namesAfter(statements, "CREATE", "TABLESPACE"),
  };
}

/** The text of a capture's globals. @throws SOURCES_DAMAGED */
export async function readGlobals(captured: CapturedTree, options: CallOptions): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of captured.read(GLOBALS_FILE, options)) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

function statementsOf(globals: string): Statement[] {
  try {
    return splitStatements(globals);
  } catch (error) {
    throw sourcesError("SOURCES_DAMAGED", { what: GLOBALS_FILE, reason: String(error) }, error);
  }
}

/** The role that a statement makes or changes. */
function subjectOf(statement: Statement): string | undefined {
  const role =
    (beginsWith(statement, "CREATE", "ROLE") ||
    beginsWith(statement, "ALTER", "ROLE") ||
    beginsWith(statement, "COMMENT")
      ? nameAfter(statement, "ROLE")
      : undefined) ??
    (beginsWith(statement, "SECURITY", "LABEL") ? nameAfter(statement, "ON", "ROLE") : undefined) ??
    (isMembership(statement) || isParameterRight(statement) ? nameAfter(statement, "TO") : undefined);
  return role === undefined ? undefined : nameOf(role);
}

/** `GRANT a TO b`: what is granted is the second word, and no right. */
function isMembership(statement: Statement): boolean {
  return beginsWith(statement, "GRANT") && statement.words[2]?.text === "TO" && statement.words[2].kind === "word";
}

function isParameterRight(statement: Statement): boolean {
  return beginsWith(statement, "GRANT") && nameAfter(statement, "ON", "PARAMETER") !== undefined;
}

/** Who granted is left out: that role may be another here, or not have the right. */
function textOf(statement: Statement): string {
  const by = statement.words.findIndex(({ kind, text }, n) => {
    return kind === "word" && text === "GRANTED" && statement.words[n + 1]?.text === "BY";
  });
  const first = statement.words[by];
  return isMembership(statement) && first !== undefined ? statement.text.slice(0, first.at) : statement.text;
}

function withGroups(wanted: readonly string[], statements: readonly Statement[]): Set<string> {
  const found = new Set(wanted);
  const memberships = statements.filter(isMembership).flatMap((statement) => {
    const [group, member] = [statement.words[1], nameAfter(statement, "TO")];
    return group === undefined || member === undefined ? [] : [{ group: nameOf(group), member: nameOf(member) }];
  });
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const { group, member } of memberships) if (found.has(member)) found.add(group);
  }
  return found;
}

function namesAfter(statements: readonly Statement[], ...heads: readonly string[]): string[] {
  const matching = statements.filter((statement) => beginsWith(statement, ...heads));
  return matching.flatMap((statement) => {
    const word = nameAfter(statement, ...heads);
    return word === undefined ? [] : [nameOf(word)];
  });
}
