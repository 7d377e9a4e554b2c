/** Makes a new repository. */
import { randomBytes } from "node:crypto";
import { isHoldfastError, type Secret } from "@holdfast/base";
import { bytesSource, type Backend, type FileType } from "@holdfast/storage";
import { randomPolynomial } from "../chunker/polynomial.ts";
import { Sealer } from "../crypto/sealing.ts";
import { newMasterKey } from "../crypto/master-key.ts";
import { engineError } from "../errors.ts";
import { encodeConfig } from "../format/config.ts";
import { idFromBytes } from "../format/id.ts";
import { encodeUnpacked } from "../format/unpacked.ts";
import { saveKeyFile, type KeyOptions } from "./key-files.ts";
import { Repository } from "./repository.ts";

export interface CreateOptions extends KeyOptions {
  /** Format version; 2 adds compression. */
  readonly version?: 1 | 2;
  /** Take another repository's polynomial, so that copies between both deduplicate. */
  readonly chunkerPolynomial?: bigint;
}

const CONFIG = { type: "config", name: "" } as const;

/**
 * The key is written before the config: a run that is cut off leaves a folder without a config, which is no repository yet
 * and can be tried again once its key file is removed.
 * @throws ENGINE_REPOSITORY_EXISTS, ENGINE_FOLDER_NOT_EMPTY
 */
export async function createRepository(
  backend: Backend,
  password: Secret,
  options: CreateOptions,
): Promise<Repository> {
  const { signal } = options;
  if ((await backend.stat(CONFIG, { signal })) !== undefined) {
    throw engineError("ENGINE_REPOSITORY_EXISTS", { location: backend.location });
  }
  await requireEmpty(backend, "key", signal);
  await requireEmpty(backend, "snapshot", signal);
  await backend.initialize({ signal });
  const masterKey = newMasterKey();
  const { id: keyId, parameters: keyParameters } = await saveKeyFile(backend, masterKey, password, options);
  const config = {
    version: options.version ?? 2,
    id: idFromBytes(randomBytes(32)),
    chunkerPolynomial: options.chunkerPolynomial ?? randomPolynomial(),
  } as const;
  // The config is never compressed by restic: it must be readable before the version is known.
  const sealed = new Sealer(masterKey).seal(encodeUnpacked(encodeConfig(config), 1));
  try {
    await backend.save(CONFIG, bytesSource(sealed), { signal, ifAbsent: true });
  } catch (error) {
    // Somebody else was faster. Our key would open nothing of theirs, and may have the same password.
    if (isHoldfastError(error, "STORAGE_EXISTS")) {
      await backend.remove({ type: "key", name: keyId }, { signal }).catch(() => {});
    }
    throw error;
  }
  return new Repository({ backend, config, masterKey, keyId, keyParameters });
}

async function requireEmpty(backend: Backend, type: FileType, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of backend.list(type, { signal })) {
      throw engineError("ENGINE_FOLDER_NOT_EMPTY", { location: backend.location });
    }
  } catch (error) {
    // What is not there yet is empty. Whether it can be made, `initialize` finds out.
    if (!isHoldfastError(error, "STORAGE_NO_PLACE")) throw error;
  }
}
