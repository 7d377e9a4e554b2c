/**
 * Accounts, roles and what they may do, as SQL. Each statement has a line of its own below the account that it makes, so that a
 * restore can leave out accounts that are there.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import type { Connection } from "./connection.ts";
import type { Product } from "./flavour.ts";
import { identifier, literal } from "./sql-text.ts";

const ACCOUNT_LINE = "-- Account: ";
/** Accounts that a server makes itself. */
const OWN_ACCOUNTS: ReadonlySet<string> = new Set(["mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"]);
/** What everybody may do, since MariaDB 10.11: no account, and written without quotes. */
const EVERYBODY = "PUBLIC";

export interface Account {
  /** As SQL quotes it: `'app'@'10.0.0.%'`; a role of MariaDB has no host. */
  readonly name: string;
  /** The statement that makes it. */
  readonly create: string;
  /** What it may do; to be run when all accounts are there. */
  readonly grants: readonly string[];
}

/** All that the server does not make itself, in the order of names. @throws SOURCES_CREDENTIALS, SOURCES_UNREACHABLE */
export async function readAccounts(connection: Connection, product: Product, options: CallOptions): Promise<Account[]> {
  const isMariaDb = product === "MariaDB";
  const rows = await connection.query(
    isMariaDb
      ? "SELECT User, Host, is_role FROM mysql.user ORDER BY is_role DESC, User, Host"
      : "SELECT User, Host, 'N' FROM mysql.user ORDER BY User, Host",
    options,
  );
  const accounts: Account[] = [];
  for (const [user = "", host = "", isRole] of rows) {
    options.signal.throwIfAborted();
    if (!OWN_ACCOUNTS.has(user))
      accounts.push(await readAccount(connection, { user, host, isRole: isRole === "Y" }, isMariaDb, options));
  }
  return accounts;
}

async function readAccount(
  connection: Connection,
  { user, host, isRole }: { user: string; host: string; isRole: boolean },
  isMariaDb: boolean,
  options: CallOptions,
): Promise<Account> {
  const name = isRole ? identifier(user) : `${literal(user)}@${literal(host)}`;
  if (isRole && user === EVERYBODY) {
    const rows = await connection.query(`SHOW GRANTS FOR ${EVERYBODY}`, options);
    const create = `GRANT USAGE ON *.* TO ${EVERYBODY}`;
    return { name, create, grants: rows.map(([line]) => line ?? "").filter((line) => line !== create) };
  }
  // MySQL prints hashes of caching_sha2_password as bytes that are no text.
  const readable = isMariaDb ? "" : "SET SESSION print_identified_with_as_hex=1;";
  const create = isRole ? "" : `SHOW CREATE USER ${name};`;
  const lines = (await connection.query(`${readable}${create}SHOW GRANTS FOR ${name}`, options)).map(
    ([line]) => line ?? "",
  );
  if (isRole) return { name, create: `CREATE ROLE ${name}`, grants: lines };
  const [made = "", ...grants] = lines;
  return { name, create: made, grants };
}

/** @returns the text, and the accounts that cannot be written so, as something in them has a line break */
export function writeAccounts(accounts: readonly Account[]): {
  readonly text: string;
  readonly left: readonly string[];
} {
  const isWritable = ({ name, create, grants }: Account): boolean =>
    [name, create, ...grants].every((line) => !/[\r\n\0]/.test(line));
  const blocks = accounts
    .filter(isWritable)
    .map(({ name, create, grants }) =>
      [`${ACCOUNT_LINE}${name}`, create, ...grants].map((line, at) => (at === 0 ? line : `${line};`)),
    );
  return {
    text: blocks.map((lines) => `${lines.join("\n")}\n`).join("\n"),
    left: accounts.filter((account) => !isWritable(account)).map(({ name }) => name),
  };
}

/** What `writeAccounts` has written. */
export function parseAccounts(text: string): Account[] {
  const accounts: { name: string; create: string; grants: string[] }[] = [];
  for (const line of text.split("\n")) {
    const statement = line.endsWith(";") ? line.slice(0, -1) : line;
    const last = accounts.at(-1);
    if (line.startsWith(ACCOUNT_LINE)) accounts.push({ name: line.slice(ACCOUNT_LINE.length), create: "", grants: [] });
    else if (last !== undefined && statement !== "") {
      if (last.create === "") last.create = statement;
      else last.grants.push(statement);
    }
  }
  return accounts;
}

export interface RestoredAccounts {
  /** Made now. */
  readonly made: readonly string[];
  /** They were there, and are as they were. */
  readonly present: readonly string[];
  /** What the server refused, and why: `GRANT … : reason`. */
  readonly refused: readonly string[];
}

/**
 * Makes the accounts that are not there. One that cannot be made, or a grant on what is not there, keeps no other from being made.
 * @throws SOURCES_UNREACHABLE, SOURCES_CREDENTIALS when nothing of it may be done
 */
export async function restoreAccounts(
  connection: Connection,
  accounts: readonly Account[],
  options: CallOptions,
): Promise<RestoredAccounts> {
  const rows = await connection.query("SELECT User, Host FROM mysql.user", options);
  const there = new Set(
    rows.map(([user = "", host = ""]) => (host === "" ? identifier(user) : `${literal(user)}@${literal(host)}`)),
  );
  const present = accounts.filter(({ name }) => there.has(name));
  const missing = accounts.filter(({ name }) => !there.has(name));
  const refused: string[] = [];
  const attempt = async (statement: string): Promise<boolean> => {
    try {
      await connection.query(statement, options);
      return true;
    } catch (error) {
      options.signal.throwIfAborted();
      refused.push(refusal(statement, error));
      return false;
    }
  };
  const made: Account[] = [];
  for (const account of missing) if (await attempt(account.create)) made.push(account);
  // Afterwards, as accounts are granted roles that come later.
  for (const { grants } of made) for (const grant of grants) await attempt(grant);
  return { made: made.map(({ name }) => name), present: present.map(({ name }) => name), refused };
}

/** Never the hash of a password: the server quotes some of what it does not understand. */
function refusal(statement: string, error: unknown): string {
  const reason = isHoldfastError(error) ? String(error.details["reason"] ?? error.message) : messageOf(error);
  return [statement, reason].map((text) => text.replace(/ IDENTIFIED .*$/s, " …").slice(0, 200)).join(": ");
}
