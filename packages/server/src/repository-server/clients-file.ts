/** The file of clients: who may use the server, for which repositories, and how. JSON, read and written as a whole. */
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemCode } from "@holdfast/base";
import { serverError } from "../errors.ts";
import { isPasswordHash, isTokenHash } from "./client-secrets.ts";
import { isRepositoryName } from "./request-path.ts";
import { ROLES, type Role, isRole } from "./roles.ts";

/** One row of the file. */
export interface Client {
  readonly name: string;
  readonly role: Role;
  /** Names of repositories; `name/*` means all below, `*` all, and `/` the one that the root itself is. */
  readonly repositories: readonly string[];
  /** What its files may take up; absent: no limit. */
  readonly quotaBytes?: number;
  readonly passwordHash?: string;
  readonly tokenHashes?: readonly string[];
  /** Who uses it, by the name in the file of approvers: this person does not approve what the client proposes. */
  readonly person?: string;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/;
const PERSON = /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$/;
const FIELDS = new Set(["name", "role", "repositories", "quotaBytes", "passwordHash", "tokenHashes", "person"]);
const VERSION = 1;

/** True for a name that a client can have. */
export function isClientName(text: string): boolean {
  return NAME.test(text);
}

/** True for a name that a person in a file of approvers can have. */
export function isPersonName(text: string): boolean {
  return PERSON.test(text);
}

/** True for what may stand in `repositories`. */
export function isRepositoryPattern(text: string): boolean {
  if (text === "*" || text === "/") return true;
  const name = text.endsWith("/*") ? text.slice(0, -2) : text;
  return name !== "" && isRepositoryName(name);
}

/** Whether a client may use a repository at all. */
export function mayUse({ repositories }: Client, repository: string): boolean {
  return repositories.some((pattern) => {
    if (pattern === "*") return true;
    if (pattern === "/") return repository === "";
    return pattern.endsWith("/*") ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern;
  });
}

/** @throws SERVER_OTHER_REPOSITORY */
export function requireUse(client: Client, repository: string): void {
  if (!mayUse(client, repository)) throw serverError("SERVER_OTHER_REPOSITORY");
}

/** @throws SERVER_NO_CLIENTS, SERVER_CLIENTS_FILE, SERVER_CLIENTS_FILE_OPEN */
export async function readClients(path: string): Promise<Client[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") throw serverError("SERVER_NO_CLIENTS", { path }, error);
    throw serverError("SERVER_CLIENTS_FILE", { path, problem: messageOf(error) }, error);
  });
  if (((await stat(path)).mode & 0o077) !== 0) throw serverError("SERVER_CLIENTS_FILE_OPEN", { path });
  return parseClients(text, path);
}

/** @throws SERVER_CLIENTS_FILE, which says where and what */
export function parseClients(text: string, path: string): Client[] {
  const fail = (problem: string): Error => serverError("SERVER_CLIENTS_FILE", { path, problem });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    // The message of the parser quotes the text, in which secrets may stand.
    throw serverError("SERVER_CLIENTS_FILE", { path, problem: "it is not JSON" }, error);
  }
  if (!isRecord(document)) throw fail("it must be an object with the fields version and clients");
  if (document["version"] !== VERSION) throw fail(`version must be ${VERSION}`);
  const unknown = Object.keys(document).find((field) => field !== "version" && field !== "clients");
  if (unknown !== undefined) throw fail(`there is no field ${JSON.stringify(unknown)}`);
  if (!Array.isArray(document["clients"])) throw fail("clients must be a list");
  const clients = document["clients"].map((row: unknown, at) => clientOf(row, `clients[${at}]`, fail));
  const names = clients.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw fail(`there are two clients with the name ${twice}`);
  return clients;
}

function clientOf(row: unknown, where: string, fail: (problem: string) => Error): Client {
  if (!isRecord(row)) throw fail(`${where} must be an object`);
  const unknown = Object.keys(row).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw fail(`${where} has no field ${JSON.stringify(unknown)}`);
  const { name, role, repositories, quotaBytes, passwordHash, tokenHashes, person } = row;
  const need = (isRight: boolean, what: string): void => {
    if (!isRight) throw fail(`${where}.${what}`);
  };
  need(typeof name === "string" && isClientName(name), "name must be letters, digits and . _ @ -, at most 64");
  need(typeof role === "string" && isRole(role), `role must be one of ${ROLES.join(", ")}`);
  const isPattern = (item: unknown): boolean => typeof item === "string" && isRepositoryPattern(item);
  need(
    Array.isArray(repositories) && repositories.every(isPattern),
    "repositories must be a list of names of repositories",
  );
  const isQuota = typeof quotaBytes === "number" && Number.isSafeInteger(quotaBytes) && quotaBytes >= 0;
  need(quotaBytes === undefined || isQuota, "quotaBytes must be a whole number of bytes");
  const isHash = typeof passwordHash === "string" && isPasswordHash(passwordHash);
  need(passwordHash === undefined || isHash, "passwordHash is not a hash that `holdfast serve client add` makes");
  const isToken = (item: unknown): boolean => typeof item === "string" && isTokenHash(item);
  const areTokens = Array.isArray(tokenHashes) && tokenHashes.every(isToken);
  need(tokenHashes === undefined || areTokens, "tokenHashes must be a list of hashes of tokens");
  const isPerson = typeof person === "string" && isPersonName(person);
  need(person === undefined || isPerson, "person must be a name as in a file of approvers");
  need(isHash || (areTokens && tokenHashes.length > 0), "needs a passwordHash or tokenHashes");
  return row as unknown as Client;
}

/** Writes all clients, whole or not at all, for the owner only. */
export async function writeClients(path: string, clients: readonly Client[]): Promise<void> {
  const temporary = `${path}-tmp-${randomBytes(8).toString("hex")}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ version: VERSION, clients }, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (systemCode(error) === "ENOENT") throw serverError("SERVER_NO_ROOT", { path: dirname(path) }, error);
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
