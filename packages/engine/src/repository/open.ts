/** Opens a repository: config, key, version. */
import type { Secret } from "@holdfast/base";
import { loadBytes, type Backend } from "@holdfast/storage";
import { isIrreducible } from "../chunker/polynomial.ts";
import { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { decodeConfig, type RepositoryConfig } from "../format/config.ts";
import { decodeUnpacked } from "../format/unpacked.ts";
import { messageOf } from "@holdfast/base";
import { findKey } from "./key-files.ts";
import { Repository } from "./repository.ts";

const CONFIG = { type: "config", name: "" } as const;
const MAX_CONFIG_BYTES = 64 * 1024;

export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Id, or its beginning, of the key file to try first. */
  readonly keyHint?: string | undefined;
}

/**
 * @throws ENGINE_NO_REPOSITORY, ENGINE_WRONG_PASSWORD, ENGINE_NO_KEY, ENGINE_KEYS_LEFT, ENGINE_CONFIG_BROKEN,
 *   ENGINE_VERSION_UNSUPPORTED
 */
export async function openRepository(
  backend: Backend,
  password: Secret,
  { signal, keyHint }: OpenOptions,
): Promise<Repository> {
  const config = await backend.stat(CONFIG, { signal });
  if (config === undefined) throw engineError("ENGINE_NO_REPOSITORY", { location: backend.location });
  if (config.sizeBytes === 0) throw engineError("ENGINE_CONFIG_BROKEN", { reason: "it is empty" });
  const { id, masterKey, all } = await findKey(backend, password, { signal, hint: keyHint });
  const sealed = await loadBytes(backend, CONFIG, undefined, { signal, maxBytes: MAX_CONFIG_BYTES });
  const opened = openConfig(new Sealer(masterKey), sealed);
  return new Repository({ backend, config: opened, masterKey, keyId: id, keyIds: all });
}

function openConfig(sealer: Sealer, sealed: Uint8Array): RepositoryConfig {
  let plain: Uint8Array;
  try {
    plain = sealer.open(sealed);
  } catch (cause) {
    // The key is right, so it is the file that is not.
    throw engineError("ENGINE_CONFIG_BROKEN", { reason: messageOf(cause) }, cause);
  }
  const config = decodeConfig(decodeUnpacked(plain, MAX_CONFIG_BYTES));
  // restic refuses such a repository too: where files are cut would not depend on all of their content.
  if (!isIrreducible(config.chunkerPolynomial)) {
    throw engineError("ENGINE_CONFIG_BROKEN", { reason: `"chunker_polynomial" is not irreducible` });
  }
  return config;
}
