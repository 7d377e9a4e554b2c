/** Key files: a password opens one of them, and it holds the master key that everything else is sealed with. */
import type { Secret } from "@holdfast/base";
import { isHoldfastError } from "@holdfast/base";
import { bytesSource, loadBytes, type Backend } from "@holdfast/storage";
import { calibrate, deriveKey, type ScryptCosts, type ScryptParameters } from "../crypto/kdf.ts";
import { Sealer, type MasterKey } from "../crypto/sealing.ts";
import { decodeMasterKey, encodeMasterKey } from "../crypto/master-key.ts";
import { engineError } from "../errors.ts";
import { formatGoTime } from "../format/go-time.ts";
import { idOf, isId, type Id } from "../format/id.ts";
import { decodeKeyFile, encodeKeyFile, type KeyFile, type KnownKey } from "../format/key-file.ts";
import { randomBytes } from "node:crypto";

/** Key files are a few hundred bytes; a large one is not read. */
const MAX_KEY_FILE_BYTES = 64 * 1024;
/** Opening stops after so many keys, as each costs a key derivation. */
const MAX_TRIED = 50;
/** And after so many files: one that cannot be read costs little, and must not hide one that can. */
const MAX_READ = 5_000;
const SALT_BYTES = 64;

/** Who made a key, for people. */
export interface KeyOwner {
  readonly hostname: string;
  readonly username: string;
}

/** How a new key file is made. */
export interface KeyOptions extends KeyOwner {
  readonly signal: AbortSignal;
  /**
   * What deriving the key costs; for tests and for weak machines. By default it is measured, so that each attempt at
   * guessing the password takes half a second on a machine like this one.
   */
  readonly kdf?: ScryptCosts | undefined;
}

/** Where to look first. */
export interface KeyChoice {
  /** Id, or its beginning, of the key to try first. */
  readonly hint?: string | undefined;
  /**
   * The key that this password probably opens: its key is derived, and its file asked for, before the list of keys is there, which takes
   * a way there and back.
   */
  readonly guess?: KnownKey | undefined;
}

/**
 * Finds the key file that the password opens.
 * @returns also what the key was derived by, and the names of all key files, in no certain order
 * @throws ENGINE_WRONG_PASSWORD; ENGINE_NO_KEY when no key file can be read; ENGINE_KEYS_LEFT when there are too many to try all
 */
export async function findKey(
  backend: Backend,
  password: Secret,
  { signal, hint, guess }: KeyChoice & { readonly signal: AbortSignal },
): Promise<KnownKey & { masterKey: MasterKey; all: readonly Id[] }> {
  const guessing = guess === undefined ? undefined : tryGuess(backend, guess, { password, signal });
  // Also when keys cannot be listed it is waited for.
  const [ids, guessed] = await bothSettled(listKeyNames(backend, { signal }), guessing);
  // One that is not listed was removed, and opens nothing any more.
  const isGuessThere = guess !== undefined && ids.includes(guess.id);
  if (isGuessThere && guessed?.opened !== undefined) return { id: guess.id, ...guessed.opened, all: ids };
  const wanted = (id: Id): number => (hint !== undefined && id.startsWith(hint) ? 0 : 1);
  const left = ids.filter((id) => id !== guess?.id).sort((a, b) => wanted(a) - wanted(b));
  const tried: { id: Id; file: KeyFile }[] = [];
  let damage: unknown;
  let read = 0;
  const note = (id: Id, { file, failure }: TriedKey): void => {
    read++;
    if (file === undefined) damage = failure;
    else tried.push({ id, file });
  };
  if (isGuessThere && guessed !== undefined) note(guess.id, guessed);
  for (const id of left) {
    if (tried.length === MAX_TRIED || read === MAX_READ) break;
    signal.throwIfAborted();
    const outcome = await tryKey(backend, id, { password, signal });
    if (outcome.opened !== undefined) return { id, ...outcome.opened, all: ids };
    note(id, outcome);
  }
  // A password is wrong only when `node:crypto` says so too: no repository may stay closed because of the faster derivation.
  for (const { id, file } of tried) {
    signal.throwIfAborted();
    const opened = openKeyFile(file, await deriveKey(password, file, "one-thread"));
    if (opened !== undefined) return { id, ...opened, all: ids };
  }
  if (read < ids.length) throw engineError("ENGINE_KEYS_LEFT", { tried: read, left: ids.length - read }, damage);
  if (tried.length > 0) throw engineError("ENGINE_WRONG_PASSWORD", { tried: tried.length });
  throw engineError("ENGINE_NO_KEY", { location: backend.location }, damage);
}

/** A key file that was read, with what the password opened in it; or why it could not be read. */
interface TriedKey {
  readonly file?: KeyFile;
  readonly opened?: OpenedKey | undefined;
  readonly failure?: unknown;
}

interface OpenedKey {
  readonly masterKey: MasterKey;
  readonly parameters: ScryptParameters;
}

/** Derives the password's own key of a file. */
type Deriving = (file: ScryptParameters) => Promise<MasterKey>;

interface Trying {
  readonly password: Secret;
  readonly signal: AbortSignal;
}

/** As `tryKey`; what takes long begins before the file is there. */
async function tryGuess(backend: Backend, { id, parameters }: KnownKey, trying: Trying): Promise<TriedKey> {
  const ahead = deriveKey(trying.password, parameters, "threads");
  ahead.catch(() => {}); // nobody may wait for it
  const derive = (file: ScryptParameters): Promise<MasterKey> =>
    isSame(file, parameters) ? ahead : deriveKey(trying.password, file, "threads");
  return tryKey(backend, id, trying, derive);
}

function isSame(one: ScryptParameters, other: ScryptParameters): boolean {
  const isAsCostly = one.N === other.N && one.r === other.r && one.p === other.p;
  return isAsCostly && Buffer.compare(one.salt, other.salt) === 0;
}

/** @throws what the backend throws, but for a file that is not there */
async function tryKey(
  backend: Backend,
  id: Id,
  { password, signal }: Trying,
  derive: Deriving = (file) => deriveKey(password, file, "threads"),
): Promise<TriedKey> {
  try {
    const file = await loadKeyFile(backend, id, { signal });
    return { file, opened: openKeyFile(file, await derive(file)) };
  } catch (error) {
    // A key that vanished meanwhile was removed by another session: then it need not open anything.
    if (!isHoldfastError(error) || (error.kind !== "corrupt" && error.kind !== "not-found")) throw error;
    return { failure: error };
  }
}

async function listKeyNames(backend: Backend, { signal }: { readonly signal: AbortSignal }): Promise<Id[]> {
  const ids: Id[] = [];
  for await (const { name } of backend.list("key", { signal })) if (isId(name)) ids.push(name);
  return ids;
}

async function bothSettled<A, B>(one: Promise<A>, other: Promise<B> | undefined): Promise<[A, B | undefined]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

/** @throws ENGINE_MALFORMED, ENGINE_WRONG_HASH: the file is damaged */
export async function loadKeyFile(backend: Backend, id: Id, { signal }: { signal: AbortSignal }): Promise<KeyFile> {
  const bytes = await loadBytes(backend, { type: "key", name: id }, undefined, {
    signal,
    maxBytes: MAX_KEY_FILE_BYTES,
  });
  if (idOf(bytes) !== id) throw engineError("ENGINE_WRONG_HASH", { what: `key ${id}` });
  return decodeKeyFile(bytes, `key ${id}`);
}

/** The master key, or `undefined` when the password does not fit. @param own derived from it for this file */
function openKeyFile(file: KeyFile, own: MasterKey): OpenedKey | undefined {
  let json: Uint8Array;
  try {
    json = new Sealer(own).open(file.data);
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_UNAUTHENTIC")) return undefined;
    throw error;
  }
  const { N, r, p, salt } = file;
  return { masterKey: decodeMasterKey(json), parameters: { N, r, p, salt } };
}

/** Writes a key file for the master key under a password, and reads it back before it is relied on. */
export async function saveKeyFile(
  backend: Backend,
  masterKey: MasterKey,
  password: Secret,
  { signal, hostname, username, kdf }: KeyOptions,
): Promise<KnownKey> {
  const parameters = { ...(kdf ?? (await calibrate())), salt: new Uint8Array(randomBytes(SALT_BYTES)) };
  // By `node:crypto`, and opened by the threads below: so each new key shows that both derive the same.
  const own = await deriveKey(password, parameters, "one-thread");
  const bytes = encodeKeyFile({
    created: formatGoTime(BigInt(Date.now()) * 1_000_000n),
    username,
    hostname,
    ...parameters,
    data: new Sealer(own).seal(encodeMasterKey(masterKey)),
  });
  const id = idOf(bytes);
  await backend.save({ type: "key", name: id }, bytesSource(bytes), { signal });
  const file = await loadKeyFile(backend, id, { signal });
  const opened = openKeyFile(file, await deriveKey(password, file, "threads"));
  if (opened === undefined) throw engineError("ENGINE_UNAUTHENTIC", { what: `the new key ${id}` });
  return { id, parameters };
}
