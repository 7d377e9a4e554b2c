/** Key files: a password opens one of them, and it holds the master key that everything else is sealed with. */
import type { Secret } from "@holdfast/base";
import { isHoldfastError } from "@holdfast/base";
import { bytesSource, loadBytes, type Backend } from "@holdfast/storage";
import { calibrate, deriveKey, type Derivation, type ScryptCosts } from "../crypto/kdf.ts";
import { Sealer, type MasterKey } from "../crypto/sealing.ts";
import { decodeMasterKey, encodeMasterKey } from "../crypto/master-key.ts";
import { engineError } from "../errors.ts";
import { formatGoTime } from "../format/go-time.ts";
import { idOf, isId, type Id } from "../format/id.ts";
import { decodeKeyFile, encodeKeyFile, type KeyFile } from "../format/key-file.ts";
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
  /** The key that this password probably opens: asked for before the list of keys is there, which takes a way there and back. */
  readonly guess?: Id | undefined;
}

/**
 * Finds the key file that the password opens.
 * @returns also the names of all key files, in no certain order
 * @throws ENGINE_WRONG_PASSWORD; ENGINE_NO_KEY when no key file can be read; ENGINE_KEYS_LEFT when there are too many to try all
 */
export async function findKey(
  backend: Backend,
  password: Secret,
  { signal, hint, guess }: KeyChoice & { readonly signal: AbortSignal },
): Promise<{ id: Id; masterKey: MasterKey; all: readonly Id[] }> {
  const guessing = guess === undefined ? undefined : tryKey(backend, guess, { password, signal });
  // Also when keys cannot be listed it is waited for.
  const [ids, guessed] = await bothSettled(listKeyNames(backend, { signal }), guessing);
  // One that is not listed was removed, and opens nothing any more.
  if (guess !== undefined && guessed?.masterKey !== undefined && ids.includes(guess)) {
    return { id: guess, masterKey: guessed.masterKey, all: ids };
  }
  const wanted = (id: Id): number => (hint !== undefined && id.startsWith(hint) ? 0 : 1);
  const left = ids.filter((id) => id !== guess).sort((a, b) => wanted(a) - wanted(b));
  const tried: { id: Id; file: KeyFile }[] = [];
  let damage: unknown;
  let read = 0;
  const note = (id: Id, { file, failure }: TriedKey): void => {
    read++;
    if (file === undefined) damage = failure;
    else tried.push({ id, file });
  };
  if (guess !== undefined && guessed !== undefined && ids.includes(guess)) note(guess, guessed);
  for (const id of left) {
    if (tried.length === MAX_TRIED || read === MAX_READ) break;
    signal.throwIfAborted();
    const outcome = await tryKey(backend, id, { password, signal });
    if (outcome.masterKey !== undefined) return { id, masterKey: outcome.masterKey, all: ids };
    note(id, outcome);
  }
  // A password is wrong only when `node:crypto` says so too: no repository may stay closed because of the faster derivation.
  for (const { id, file } of tried) {
    signal.throwIfAborted();
    const masterKey = await openKeyFile(file, password, "one-thread");
    if (masterKey !== undefined) return { id, masterKey, all: ids };
  }
  if (read < ids.length) throw engineError("ENGINE_KEYS_LEFT", { tried: read, left: ids.length - read }, damage);
  if (tried.length > 0) throw engineError("ENGINE_WRONG_PASSWORD", { tried: tried.length });
  throw engineError("ENGINE_NO_KEY", { location: backend.location }, damage);
}

/** A key file that was read, with what the password opened in it; or why it could not be read. */
interface TriedKey {
  readonly file?: KeyFile;
  readonly masterKey?: MasterKey | undefined;
  readonly failure?: unknown;
}

/** @throws what the backend throws, but for a file that is not there */
async function tryKey(
  backend: Backend,
  id: Id,
  { password, signal }: { readonly password: Secret; readonly signal: AbortSignal },
): Promise<TriedKey> {
  try {
    const file = await loadKeyFile(backend, id, { signal });
    return { file, masterKey: await openKeyFile(file, password, "threads") };
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

/** The master key, or `undefined` when the password does not fit. */
async function openKeyFile(file: KeyFile, password: Secret, derivation: Derivation): Promise<MasterKey | undefined> {
  const own = await deriveKey(password, file, derivation);
  let json: Uint8Array;
  try {
    json = new Sealer(own).open(file.data);
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_UNAUTHENTIC")) return undefined;
    throw error;
  }
  return decodeMasterKey(json);
}

/** Writes a key file for the master key under a password, and reads it back before it is relied on. */
export async function saveKeyFile(
  backend: Backend,
  masterKey: MasterKey,
  password: Secret,
  { signal, hostname, username, kdf }: KeyOptions,
): Promise<Id> {
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
  const stored = await openKeyFile(await loadKeyFile(backend, id, { signal }), password, "threads");
  if (stored === undefined) throw engineError("ENGINE_UNAUTHENTIC", { what: `the new key ${id}` });
  return id;
}
