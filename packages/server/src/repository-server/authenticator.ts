/**
 * Tells who asks. A password costs a run of scrypt the first time; what was verified is remembered in memory for a while, so
 * that fifty clients with many requests each do not pay for it again.
 */
import { createHmac, randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { Semaphore, systemCode } from "@holdfast/base";
import { serverError } from "../errors.ts";
import { hashPassword, hashToken, verifyPassword, verifyToken } from "./client-secrets.ts";
import { type Client, readClients } from "./clients-file.ts";

const REMEMBER_MS = 10 * 60_000;
const MAX_REMEMBERED = 10_000;
/** Runs of scrypt at once; the thread pool also reads and writes files. */
const SCRYPT_AT_ONCE = 2;
const MAX_WAITING = 64;

/** What the header `Authorization` says. */
interface Credentials {
  readonly name: string;
  readonly secret: string;
}

export class Authenticator {
  readonly #path: string;
  readonly #key = randomBytes(32);
  readonly #scrypt = new Semaphore(SCRYPT_AT_ONCE);
  /** Verified credentials, as keyed hashes, with the moment until when they count. */
  readonly #verified = new Map<string, number>();
  readonly #underWay = new Map<string, Promise<boolean>>();
  #clients: ReadonlyMap<string, Client> = new Map();
  #waiting = 0;
  #changed: string | undefined;
  #decoy: Promise<string> | undefined;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws what `readClients` throws */
  static async open(path: string): Promise<Authenticator> {
    const authenticator = new Authenticator(path);
    await authenticator.reload();
    return authenticator;
  }

  /** All clients at present. */
  get clients(): Iterable<Client> {
    return this.#clients.values();
  }

  /** Reads the file again; when it is not good, those who were known stay. @throws what `readClients` throws */
  async reload(): Promise<void> {
    const changed = await stampOf(this.#path);
    // Noted also when the file is bad, so that each state of it is complained of once.
    this.#changed = changed;
    const clients = await readClients(this.#path);
    this.#clients = new Map(clients.map((client) => [client.name, client]));
    this.#verified.clear();
  }

  /** As `reload`, if the file is another one than last time. Returns whether it was. */
  async reloadIfChanged(): Promise<boolean> {
    if ((await stampOf(this.#path)) === this.#changed) return false;
    await this.reload();
    return true;
  }

  /**
   * The client whose name and password, or token, the header `Authorization` gives. An unknown name takes as long as a wrong
   * password.
   * @throws SERVER_CREDENTIALS, and SERVER_BUSY when too many wait to be verified
   */
  async authenticate(header: string | undefined): Promise<Client> {
    const credentials = credentialsOf(header);
    if (credentials === undefined) throw serverError("SERVER_CREDENTIALS");
    const client = this.#clients.get(credentials.name);
    const mark = createHmac("sha256", this.#key)
      .update(JSON.stringify([credentials.name, credentials.secret]))
      .digest("base64");
    if (client !== undefined && (this.#verified.get(mark) ?? 0) > performance.now()) return client;
    if (client?.tokenHashes?.some((stored) => verifyToken(credentials.secret, stored)) === true) return client;
    const isRight = await this.#isPasswordOnce(mark, credentials.secret, client);
    // The file was read meanwhile: the client may have another password by now.
    if (this.#clients.get(credentials.name) !== client) return this.authenticate(header);
    if (!isRight || client === undefined) throw serverError("SERVER_CREDENTIALS");
    this.#remember(mark);
    return client;
  }

  /** A client often starts with several requests at once. */
  #isPasswordOnce(mark: string, secret: string, client: Client | undefined): Promise<boolean> {
    const underWay = this.#underWay.get(mark);
    if (underWay !== undefined) return underWay;
    const verifying = this.#isPassword(secret, client).finally(() => this.#underWay.delete(mark));
    this.#underWay.set(mark, verifying);
    return verifying;
  }

  async #isPassword(secret: string, client: Client | undefined): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING) throw serverError("SERVER_BUSY", { what: "passwords are being verified" });
    this.#waiting++;
    const release = await this.#scrypt.acquire();
    try {
      this.#decoy ??= hashPassword(hashToken(randomBytes(16).toString("hex")));
      const isRight = await verifyPassword(secret, client?.passwordHash ?? (await this.#decoy));
      return isRight && client?.passwordHash !== undefined;
    } finally {
      this.#waiting--;
      release();
    }
  }

  #remember(mark: string): void {
    if (this.#verified.size >= MAX_REMEMBERED) this.#verified.clear();
    this.#verified.set(mark, performance.now() + REMEMBER_MS);
  }
}

function credentialsOf(header: string | undefined): Credentials | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,2048})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { name: text.slice(0, colon), secret: text.slice(colon + 1) };
}

async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { mtimeNs, ino, size, mode } = await stat(path, { bigint: true });
    return `${mtimeNs}-${ino}-${size}-${mode}`;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
