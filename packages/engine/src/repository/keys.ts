/** Passwords of a repository: list, add, remove, change. */
import type { Secret } from "@holdfast/base";
import { engineError } from "../errors.ts";
import type { Id } from "../format/id.ts";
import { loadKeyFile, saveKeyFile, type KeyOptions } from "./key-files.ts";
import type { Repository } from "./repository.ts";

export interface KeyInfo {
  readonly id: Id;
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339. */
  readonly created: string;
  /** This key opened the session. */
  readonly current: boolean;
}

type Options = { readonly signal: AbortSignal };

/** @throws ENGINE_MALFORMED, ENGINE_WRONG_HASH for a damaged key file */
export async function listKeys(repository: Repository, { signal }: Options): Promise<KeyInfo[]> {
  const keys: KeyInfo[] = [];
  for await (const { id } of repository.files("key", { signal })) {
    keys.push(await describeKey(repository, id, { signal }));
  }
  return keys.sort((a, b) => (a.created < b.created ? -1 : 1));
}

/** What a key file says of itself; nothing proves it. @throws as `listKeys` */
export async function describeKey(repository: Repository, id: Id, { signal }: Options): Promise<KeyInfo> {
  const { username, hostname, created } = await loadKeyFile(repository.backend, id, { signal });
  return { id, username, hostname, created, current: id === repository.keyId };
}

/** Adds a password. The old ones stay valid. */
export async function addKey(repository: Repository, password: Secret, options: KeyOptions): Promise<Id> {
  return (await saveKeyFile(repository.backend, repository.masterKey, password, options)).id;
}

/** @throws ENGINE_KEY_IN_USE for the key that opened the session, so that a repository never loses its last one */
export async function removeKey(repository: Repository, id: Id, { signal }: Options): Promise<void> {
  if (id === repository.keyId) throw engineError("ENGINE_KEY_IN_USE", { id });
  await repository.removeFile("key", id, { signal });
}

/** Replaces the password that opened the session: the new key is stored and read back before the old one goes. */
export async function changePassword(repository: Repository, password: Secret, options: KeyOptions): Promise<Id> {
  const id = await addKey(repository, password, options);
  await repository.removeFile("key", repository.keyId, options);
  return id;
}
