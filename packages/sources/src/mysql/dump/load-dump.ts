/** Brings what a dump holds into a server: a real one, or a private one. */
import { posix } from "node:path";
import type { CapturedTree } from "../../contract/captured-tree.ts";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type Account, type RestoredAccounts, parseAccounts, restoreAccounts } from "../server/accounts.ts";
import type { Connection } from "../server/connection.ts";
import { ACCOUNTS_FILE, type DatabaseFile, databaseFile } from "./names.ts";

export interface Loading extends CallOptions {
  readonly databases: readonly string[];
  readonly onStep: (step: string) => void;
}

/**
 * Tables and rows, then code, views and accounts, then events, so that no event works on what is half there.
 * @param withAccounts whether accounts that are not there are made
 * @throws SOURCES_TOOL_FAILED with what the server said, SOURCES_UNREACHABLE, SOURCES_CREDENTIALS, SOURCES_DAMAGED
 */
export async function loadDump(
  connection: Connection,
  captured: CapturedTree,
  { databases, onStep, signal, withAccounts }: Loading & { withAccounts: boolean },
): Promise<RestoredAccounts | undefined> {
  const there = new Map<string, ReadonlySet<string>>();
  for (const database of databases) there.set(database, await filesOf(captured, database, { signal }));
  const load = async (file: DatabaseFile): Promise<void> => {
    for (const database of databases) {
      const path = databaseFile(database, file);
      if (there.get(database)?.has(path) !== true) {
        if (file !== "tables") continue;
        throw sourcesError("SOURCES_DAMAGED", { what: path, reason: "it is not there" });
      }
      onStep(`loading ${file} of ${database}`);
      const script = captured.read(path, { signal });
      // Tables come with the statement that makes their database.
      await connection.run(script, file === "tables" ? { signal } : { signal, database });
    }
  };
  await load("tables");
  await load("routines");
  await load("views");
  let accounts: RestoredAccounts | undefined;
  if (withAccounts) {
    const read = await readStoredAccounts(captured, { signal });
    if (read !== undefined) onStep("making accounts");
    if (read !== undefined) accounts = await restoreAccounts(connection, read, { signal });
  }
  await load("events");
  return accounts;
}

async function filesOf(captured: CapturedTree, database: string, options: CallOptions): Promise<ReadonlySet<string>> {
  const folder = posix.dirname(databaseFile(database, "tables"));
  return new Set((await captured.list(folder, options)).map(({ path }) => path));
}

async function readStoredAccounts(captured: CapturedTree, options: CallOptions): Promise<Account[] | undefined> {
  const entries = await captured.list(undefined, options);
  if (!entries.some(({ path }) => path === ACCOUNTS_FILE)) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of captured.read(ACCOUNTS_FILE, options)) parts.push(part);
  return parseAccounts(Buffer.concat(parts).toString("utf8"));
}
