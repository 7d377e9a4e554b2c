/**
 * Upgrades a repository from version 1 to 2. Only the config changes: what is stored stays valid, and new data is compressed.
 *
 * Without a config nothing in a repository can be read, so it must never be missing. Where the store replaces a file in one step
 * it never is. Elsewhere it has to be removed and written anew: then a copy is kept in a safe place first, from which
 * `restoreConfig` brings it back, and a failure puts the old one back at once.
 */
import { bytesSource, loadBytes, type Backend } from "@holdfast/storage";
import { isHoldfastError, messageOf, type Secret } from "@holdfast/base";
import { Check } from "../check/check.ts";
import { isDamage, type Finding } from "../check/findings.ts";
import { Sealer } from "../crypto/sealing.ts";
import { engineError } from "../errors.ts";
import { decodeConfig, encodeConfig, type RepositoryConfig } from "../format/config.ts";
import { decodeUnpacked, encodeUnpacked } from "../format/unpacked.ts";
import { findKey } from "../repository/key-files.ts";
import type { Repository } from "../repository/repository.ts";

const CONFIG = { type: "config", name: "" } as const;
const MAX_CONFIG_BYTES = 64 * 1024;

export interface UpgradeOptions {
  readonly signal: AbortSignal;
  /**
   * Keeps a copy of the old config outside the repository, durably, and returns where, for messages. Called only for stores that
   * cannot replace a file in one step, before anything is changed.
   */
  readonly keepCopy: (config: Uint8Array) => Promise<string>;
  /** Called with the check that is about to run, for its progress. */
  readonly onCheck?: (check: Check) => void;
  readonly onFinding?: (finding: Finding) => void;
}

/**
 * Checks the structure of the repository, as restic does first, and upgrades it. The repository must be locked exclusively by the
 * caller, and opened anew afterwards.
 * @throws ENGINE_MIGRATION_NOT_POSSIBLE for a repository of another version, ENGINE_MIGRATION_DAMAGED when the check finds damage,
 * ENGINE_CONFIG_NOT_REPLACED, and what the backend throws; on abort the signal's reason
 */
export async function upgradeToVersion2(repository: Repository, options: UpgradeOptions): Promise<void> {
  const { config } = repository;
  if (config.version !== 1) {
    const reason = `the repository has version ${config.version} already`;
    throw engineError("ENGINE_MIGRATION_NOT_POSSIBLE", { name: "upgrade_repo_v2", reason });
  }
  await requireHealthy(repository, options);
  await replaceConfig(repository, { ...config, version: 2 }, options);
}

async function requireHealthy(repository: Repository, { signal, onCheck, onFinding }: UpgradeOptions): Promise<void> {
  let damage = 0;
  const check = new Check(repository, {
    readData: { kind: "none" },
    signal,
    onFinding: (finding) => {
      if (isDamage(finding)) damage++;
      onFinding?.(finding);
    },
  });
  onCheck?.(check);
  const { healthy } = await check.run();
  if (!healthy) throw engineError("ENGINE_MIGRATION_DAMAGED", { findings: damage });
}

async function replaceConfig(
  { backend, sealer }: Repository,
  config: RepositoryConfig,
  { signal, keepCopy }: UpgradeOptions,
): Promise<void> {
  const next = sealer.seal(encodeUnpacked(encodeConfig(config), 1));
  const old = await loadConfig(backend, signal);
  const isAtomic = backend.capabilities.atomicReplace;
  const copy = isAtomic ? undefined : await keepCopy(old);
  signal.throwIfAborted();
  // From here on an interruption waits: what it would leave could be a repository without a config.
  const { signal: never } = new AbortController();
  try {
    if (!isAtomic) await backend.remove(CONFIG, { signal: never });
    await backend.save(CONFIG, bytesSource(next), { signal: never });
    await requireStored(backend, next, never);
  } catch (error) {
    const outcome = await putBack(backend, old).then(
      () => "the old one is in place",
      (second: unknown) => `putting the old one back failed (${messageOf(second)})`,
    );
    const restored = copy === undefined ? outcome : `${outcome}; a copy of it is ${copy}`;
    throw engineError("ENGINE_CONFIG_NOT_REPLACED", { reason: messageOf(error), restored }, error);
  }
}

/** Whatever is under the name now, something half or nothing at all, gives way to the old config. */
async function putBack(backend: Backend, old: Uint8Array): Promise<void> {
  const { signal } = new AbortController();
  const now = await loadConfig(backend, signal).catch((error: unknown) => {
    if (!isHoldfastError(error, "STORAGE_NOT_FOUND")) throw error;
    return undefined;
  });
  if (now !== undefined && Buffer.compare(now, old) === 0) return;
  if (now !== undefined && !backend.capabilities.atomicReplace) await backend.remove(CONFIG, { signal });
  await backend.save(CONFIG, bytesSource(old), { signal });
  await requireStored(backend, old, signal);
}

async function requireStored(backend: Backend, wanted: Uint8Array, signal: AbortSignal): Promise<void> {
  const stored = await loadConfig(backend, signal);
  if (Buffer.compare(stored, wanted) === 0) return;
  throw engineError("ENGINE_CONFIG_BROKEN", { reason: "it does not read back as it was written" });
}

function loadConfig(backend: Backend, signal: AbortSignal): Promise<Uint8Array> {
  return loadBytes(backend, CONFIG, undefined, { signal, maxBytes: MAX_CONFIG_BYTES });
}

/**
 * Puts a copy of the config back into a repository that has none. The copy must have been sealed with the repository's own key.
 * @throws ENGINE_REPOSITORY_EXISTS when there is a config, ENGINE_WRONG_PASSWORD, ENGINE_NO_KEY, ENGINE_CONFIG_BROKEN for a copy of
 * something else, and what the backend throws
 */
export async function restoreConfig(
  backend: Backend,
  password: Secret,
  copy: Uint8Array,
  { signal, keyHint }: { signal: AbortSignal; keyHint?: string | undefined },
): Promise<RepositoryConfig> {
  if ((await backend.stat(CONFIG, { signal })) !== undefined) {
    throw engineError("ENGINE_REPOSITORY_EXISTS", { location: backend.location });
  }
  const { masterKey } = await findKey(backend, password, { signal, hint: keyHint });
  const config = openCopy(new Sealer(masterKey), copy);
  await backend.save(CONFIG, bytesSource(copy), { signal, ifAbsent: true });
  await requireStored(backend, copy, signal);
  return config;
}

function openCopy(sealer: Sealer, copy: Uint8Array): RepositoryConfig {
  let plain: Uint8Array;
  try {
    plain = sealer.open(copy);
  } catch (cause) {
    throw engineError("ENGINE_CONFIG_BROKEN", { reason: "the copy is not of this repository, or damaged" }, cause);
  }
  return decodeConfig(decodeUnpacked(plain, MAX_CONFIG_BYTES));
}
