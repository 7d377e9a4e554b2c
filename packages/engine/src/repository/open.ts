/** Opens a repository: config, key, version. */
import { isHoldfastError, messageOf, type Secret } from "@holdfast/base";
import { loadBytes, type Backend } from "@holdfast/storage";
import { isIrreducible } from "../chunker/polynomial.ts";
import { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { decodeConfig, type RepositoryConfig } from "../format/config.ts";
import type { KnownKey } from "../format/key-file.ts";
import { decodeUnpacked } from "../format/unpacked.ts";
import { findKey } from "./key-files.ts";
import { Repository } from "./repository.ts";

const CONFIG = { type: "config", name: "" } as const;
const MAX_CONFIG_BYTES = 64 * 1024;

export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Id, or its beginning, of the key file to try first. */
  readonly keyHint?: string | undefined;
  /** The key that this password probably opens, such as the one that it opened last: spares waits, and the time to try others. */
  readonly keyGuess?: KnownKey | undefined;
  /**
   * The same place, for the first questions: one that does not repeat them tells sooner that nobody answers. Once there is a config,
   * what failed for now is asked again of the backend. Default: the backend.
   */
  readonly askFirst?: Backend | undefined;
  /** Called once there is a config, while keys are still being looked for. */
  readonly onFound?: (() => void) | undefined;
}

/**
 * @throws ENGINE_NO_REPOSITORY, ENGINE_WRONG_PASSWORD, ENGINE_NO_KEY, ENGINE_KEYS_LEFT, ENGINE_CONFIG_BROKEN,
 *   ENGINE_VERSION_UNSUPPORTED
 */
export async function openRepository(
  backend: Backend,
  password: Secret,
  { signal, keyHint, keyGuess, askFirst = backend, onFound }: OpenOptions,
): Promise<Repository> {
  // Keys are looked for meanwhile, as each file is several ways there and back on a long line.
  const search = new AbortController();
  const looking = { signal: AbortSignal.any([signal, search.signal]), hint: keyHint, guess: keyGuess };
  const finding = findKey(askFirst, password, looking);
  const found = finding.catch(() => undefined); // what is wrong with the config says more
  const sealed = await loadConfig(askFirst, signal).catch(async (error: unknown) => {
    search.abort(error);
    await found;
    throw error;
  });
  onFound?.();
  const { id, parameters, masterKey, all } = await finding.catch((error: unknown) => {
    if (askFirst === backend || !isHoldfastError(error) || !error.transient || signal.aborted) throw error;
    return findKey(backend, password, looking);
  });
  const config = openConfig(new Sealer(masterKey), sealed);
  return new Repository({ backend, config, masterKey, keyId: id, keyParameters: parameters, keyIds: all });
}

/** The config as it is stored. @throws ENGINE_NO_REPOSITORY when there is none, ENGINE_CONFIG_BROKEN when it is empty */
async function loadConfig(backend: Backend, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const sealed = await loadBytes(backend, CONFIG, undefined, { signal, maxBytes: MAX_CONFIG_BYTES });
    if (sealed.length === 0) throw engineError("ENGINE_CONFIG_BROKEN", { reason: "it is empty" });
    return sealed;
  } catch (error) {
    if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
    throw engineError("ENGINE_NO_REPOSITORY", { location: backend.location }, error);
  }
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
