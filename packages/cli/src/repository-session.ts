/**
 * An opened repository as commands use it: location, password, decorators of the backend, cache, locks. The one place of the
 * command line that composes these.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { isHoldfastError, messageOf, type Secret, parseDuration } from "@holdfast/base";
import {
  type BlobIndex,
  type Id,
  type LockInfo,
  type LockOptions,
  Repository,
  displayPath,
  engineError,
  isId,
  openRepository,
  withLock,
  withLockAhead,
} from "@holdfast/engine";
import {
  type Backend,
  CacheFolder,
  type CachedType,
  type ComposeOptions,
  type WarmUpInfo,
  composeBackend,
  openBackend,
  storageError,
} from "@holdfast/storage";
import { readPasswordFile } from "@holdfast/protection";
import type { CommandContext } from "./context.ts";
import { EarlyLists } from "./early-lists.ts";
import { OutageReport } from "./output/outage-report.ts";
import type { Output } from "./output/output.ts";
import { formatCount, formatElapsed, formatLocalTime, plural } from "./output/units.ts";
import { isLocal, noteUse, refuseUnmounted } from "./known-places.ts";
import { type Whose, repositoryPassword } from "./password/password-source.ts";
import { namedLocation, ownPlaces, repositoryLocation } from "./repository-location.ts";
import { noticeKeys } from "./seen/keys.ts";
import { lastKey, noteLastKey } from "./seen/last-key.ts";
import { surroundingsOf } from "./surroundings.ts";

/** How long a call that fails for now is repeated. */
const PATIENCE_MS = 15 * 60_000;
const CACHED_TYPES: readonly CachedType[] = ["snapshot", "index", "pack"];

/**
 * `look`, `read` and `append` share the repository with others; `exclusive` is for what removes files that others may use.
 * `look` goes on without a lock where somebody holds an exclusive one: on a bad day a restore must not wait for a prune.
 */
export type LockMode = "look" | "read" | "append" | "exclusive";

export class Session {
  readonly repository: Repository;
  /** True when copies on this machine may be read in place of what is stored. */
  readonly hasCache: boolean;
  readonly #context: CommandContext;
  readonly #early: EarlyLists;
  #isLocked = false;

  constructor(
    repository: Repository,
    { context, early, hasCache = false }: { context: CommandContext; early: EarlyLists; hasCache?: boolean },
  ) {
    this.repository = repository;
    this.hasCache = hasCache;
    this.#context = context;
    this.#early = early;
  }

  /** Whether a lock is held at present. */
  get isLocked(): boolean {
    return this.#isLocked;
  }

  /**
   * Runs `work` under a lock; without one if it only reads, and --no-lock was given or the place cannot be written.
   * @throws STORAGE_PAST before `work` when it is to write in such a place
   */
  async locked<T>(mode: LockMode, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { options, signal, output } = this.#context;
    const isReading = mode === "look" || mode === "read";
    if (!isReading) this.#refusePast();
    if (isReading && (options.flag("no-lock") || this.#isReadOnly)) return work(signal);
    let isHeld = false;
    const held = (inner: AbortSignal): Promise<T> => {
      isHeld = true;
      this.#isLocked = true;
      return work(inner).finally(() => {
        this.#isLocked = false;
      });
    };
    try {
      return await withLock(this.repository, await this.#lockOptions(mode === "exclusive"), held);
    } catch (error) {
      if (mode !== "look" || isHeld || !isHoldfastError(error) || error.kind !== "locked") throw error;
      output.warn(`${error.message}; reading without a lock: what is being removed meanwhile may be missing`, {
        during: "lock",
      });
      return work(signal);
    }
  }

  /**
   * As `locked("append")`. Where nothing was stored when the repository was opened, and nobody had locked it, `work` begins while the
   * lock is still being taken, and gets the promise of it; see `BackupOptions.asFirst` for what it has to keep to. That
   * is found out for `use: "adds"`.
   */
  async lockedAhead<T>(work: (signal: AbortSignal, first?: { locked: Promise<void> }) => Promise<T>): Promise<T> {
    this.#refusePast();
    const options = await this.#lockOptions(false);
    const isFirst = options.wasFree && (await this.#early.wasEmpty());
    try {
      return await withLockAhead(this.repository, options, async (signal, held) => {
        const locked = held.then(() => {
          this.#isLocked = true;
        });
        locked.catch(() => {});
        if (!isFirst) await locked;
        return work(signal, isFirst ? { locked } : undefined);
      });
    } finally {
      this.#isLocked = false;
    }
  }

  async #lockOptions(exclusive: boolean): Promise<LockOptions & { readonly wasFree: boolean }> {
    const { options, signal, output } = this.#context;
    const retryMs = options.parsed("retry-lock", "give a duration such as 90s, 5m or 2h", parseDuration) ?? 0;
    const onWaiting = (holder: LockInfo): void => output.message(`waiting: ${describeLock(holder)}`);
    return { exclusive, retryMs, signal, onWaiting, wasFree: await this.#early.wasFree() };
  }

  get #isReadOnly(): boolean {
    return this.repository.backend.capabilities.isReadOnly === true;
  }

  #refusePast(): void {
    const { location } = this.repository.backend;
    if (this.#isReadOnly) throw storageError("STORAGE_PAST", { location });
  }
}

/** `locked by PID 123 on host by user since 2026-11-01 22:08:41`. */
function describeLock({ exclusive, pid, hostname, username, timeNs }: LockInfo): string {
  const who = `PID ${pid} on ${displayPath(hostname)} by ${displayPath(username)}`;
  return `the repository is locked ${exclusive ? "exclusively " : ""}by ${who} since ${formatLocalTime(timeNs)}`;
}

export interface SessionOptions {
  /** Default: the repository itself, and not the one of --from-repo. */
  readonly whose?: Whose;
  /** Which of several of --from-repo. */
  readonly nth?: number;
  /** False when what is stored is to be read itself, and not a copy. */
  readonly trustCache?: boolean;
  /** How long a call that fails for now is repeated. Default: as --retry-for says, or 15 minutes. */
  readonly patienceMs?: number | undefined;
  /** Called once there is a repository and a password, before the half second that deriving the key takes. */
  readonly whileOpening?: () => void;
  /** What is done with snapshots: `reads` data of theirs, or `adds` one (`Session.lockedAhead`). More is asked while opening then. */
  readonly use?: "reads" | "adds" | undefined;
}

/** Opens the repository, runs `work`, and closes it. @throws what opening throws: exit codes 10 and 12 */
export async function withSession<T>(
  context: CommandContext,
  work: (session: Session) => Promise<T>,
  options: SessionOptions = {},
): Promise<T> {
  const prepared = await prepareSession(context, options);
  try {
    return await work(await prepared.open());
  } finally {
    await prepared.close();
  }
}

/** A repository with its password at hand. */
export interface PreparedSession {
  /** Takes the half second that deriving the key takes. @throws ENGINE_NO_REPOSITORY, ENGINE_WRONG_PASSWORD, and what opening throws */
  open(): Promise<Session>;
  /** Whether it was opened or not. */
  close(): Promise<void>;
}

/** Does all for which a person may be asked something. @throws ENGINE_NO_REPOSITORY before that, and what the password's source throws */
export async function prepareSession(
  context: CommandContext,
  { whose = "own", nth = 0, trustCache = true, patienceMs, whileOpening, use }: SessionOptions = {},
): Promise<PreparedSession> {
  const location = await repositoryLocation(context, whose, nth);
  const raw = await openBackend(location, surroundingsOf(context));
  try {
    // Nobody waits a quarter of an hour to learn of a typing error, unless told to.
    const isPatient = context.options.text("retry-for") !== undefined;
    const settings = composeSettings(context, patienceMs);
    const backend = composeBackend(raw, settings);
    const first = isPatient ? backend : raw;
    const { password, hasAnswered } = await passwordOf(first, location, context, { whose, nth });
    const askFirst = hasAnswered ? undefined : first;
    let early: EarlyLists | undefined;
    const open = (): Promise<Session> => {
      whileOpening?.();
      const locks = !context.options.flag("no-lock");
      // Without repeating: what is not known soon is of no use.
      early = new EarlyLists(raw, { signal: context.signal, locks, use });
      return openSession(context, { raw, backend, settings, askFirst, early, location, password, whose, trustCache });
    };
    const close = async (): Promise<void> => {
      await early?.close();
      await raw.close();
    };
    return { open, close };
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/** A lock that is held until it is released. */
export interface HeldLock {
  /** Aborts when the lock is lost. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** Locks a repository beyond one call, as `Session.locked` does. @throws as that */
export async function holdLock(session: Session, mode: LockMode): Promise<HeldLock> {
  const held = Promise.withResolvers<AbortSignal>();
  const done = Promise.withResolvers<void>();
  const run = session.locked(mode, async (signal) => {
    held.resolve(signal);
    await done.promise;
  });
  run.catch((error: unknown) => held.reject(error));
  const signal = await held.promise;
  const release = async (): Promise<void> => {
    done.resolve();
    // What is wrong with the lock was told by its signal.
    await run.catch(() => {});
  };
  return { signal, release };
}

interface Opening {
  readonly raw: Backend;
  /** With all but a cache. */
  readonly backend: Backend;
  readonly settings: ComposeOptions;
  /** What the first questions go to, where nothing has answered yet. */
  readonly askFirst: Backend | undefined;
  readonly early: EarlyLists;
  readonly location: string;
  readonly password: Secret;
  readonly whose: Whose;
  readonly trustCache: boolean;
}

async function openSession(
  context: CommandContext,
  { raw, backend, settings, askFirst, early, location, password, whose, trustCache }: Opening,
): Promise<Session> {
  const keyHint = context.options.text(whose === "own" ? "key-hint" : "from-key-hint");
  const keyGuess = keyHint === undefined ? await lastKey(context, raw.location) : undefined;
  const opening = { signal: context.signal, keyHint, keyGuess, askFirst, onFound: () => early.found() };
  const opened = await openRepository(backend, password, opening).catch(async (error: unknown) => {
    if (isHoldfastError(error, "ENGINE_NO_REPOSITORY")) await refuseUnmounted(context, location, raw);
    throw error;
  });
  await noteUse(context, location, raw, opened.config.id);
  await noticeKeys(context, opened);
  await noteLastKey(context, raw.location, { id: opened.keyId, parameters: opened.keyParameters });
  const cache = trustCache ? await openCache(opened, location, context) : undefined;
  const { config, masterKey, keyId, keyIds } = opened;
  const parts = { config, masterKey, keyId, keyIds, seenSnapshots: early.snapshots };
  if (cache === undefined) return new Session(new Repository({ ...parts, backend }), { context, early });
  // The index that was loaded last. Packs are not read before there is one.
  let index: BlobIndex | undefined;
  const cached = composeBackend(raw, {
    ...settings,
    cache: {
      folder: cache,
      cachePack: (name) => isId(name) && index?.isTreePack(name) === true,
      onProblem: (error) => warnOfCache(context, error),
    },
  });
  const onIndex = (loaded: BlobIndex): void => {
    index = loaded;
  };
  const repository = new Repository({ ...parts, backend: cached, onIndex });
  return new Session(repository, { context, early, hasCache: true });
}

/**
 * The backend alone, for making a repository in it.
 * @throws STORAGE_NOT_MOUNTED where there was a repository and an empty folder is now, unless `local.new=true` says that it is gone
 */
export async function withNewBackend<T>(context: CommandContext, work: (backend: Backend) => Promise<T>): Promise<T> {
  const location = await repositoryLocation(context);
  const surroundings = surroundingsOf(context);
  const raw = await openBackend(location, surroundings);
  try {
    if (surroundings.option("local.new") !== "true") await refuseUnmounted(context, location, raw);
    return await work(composeBackend(raw, composeSettings(context)));
  } finally {
    await raw.close();
  }
}

/**
 * Nobody is asked for the password of a repository that is not there. A password that is at hand needs no such question.
 * @returns also whether the place has answered a question
 */
async function passwordOf(
  backend: Backend,
  location: string,
  context: CommandContext,
  { whose, nth }: { whose: Whose; nth: number },
): Promise<{ readonly password: Secret; readonly hasAnswered: boolean }> {
  let hasAnswered = false;
  const beforeAsking = async (): Promise<void> => {
    const config = await backend.stat({ type: "config", name: "" }, { signal: context.signal });
    hasAnswered = true;
    if (config !== undefined) return;
    await refuseUnmounted(context, location, backend);
    throw engineError("ENGINE_NO_REPOSITORY", { location: backend.location });
  };
  const isNamed = (await namedLocation(context, whose, nth)) !== undefined;
  const of = nth > 0 ? displayPath(backend.location) : undefined;
  const otherwise = isNamed ? {} : { otherwise: () => readPasswordFile(ownPlaces(context).passwordFile) };
  try {
    const password = await repositoryPassword(context, whose, { nth, of, beforeAsking, ...otherwise });
    return { password, hasAnswered };
  } catch (error) {
    context.signal.throwIfAborted();
    // What is wrong with the password of a repository is of no interest when there is none.
    if (!hasAnswered) await beforeAsking();
    throw error;
  }
}

function composeSettings({ options, output }: CommandContext, patienceMs?: number): ComposeOptions {
  const limit = (name: string): number | undefined => {
    const kib = options.number(name, { min: 0, max: 2 ** 32 });
    return kib === undefined || kib === 0 ? undefined : kib * 1024;
  };
  const given = options.parsed("retry-for", "give a duration such as 90s, 30m or 6h", parseDuration);
  const maxElapsedMs = patienceMs ?? given ?? PATIENCE_MS;
  const report = new OutageReport(output, maxElapsedMs);
  return {
    uploadBytesPerSecond: limit("limit-upload"),
    downloadBytesPerSecond: limit("limit-download"),
    warmUp: { onWaiting: (info) => tellWaiting(info, output) },
    retry: { maxElapsedMs, onRetry: report.onRetry, onRecovery: report.onRecovery },
  };
}

/** That it waits for a cold class: a line each time that the store was asked, which is once a minute after a while. */
function tellWaiting({ asked, waiting, waitedMs }: WarmUpInfo, output: Output): void {
  const files = `${plural(waiting, "file")} of ${formatCount(asked)} that the store brings back from a cold class`;
  output.message(`waiting for ${files}, for ${formatElapsed(waitedMs)} so far; what can be read goes on`);
}

/**
 * A repository in a local folder has no use for copies on the same machine, unless a folder for them is named: it may be a
 * network share. Without a place for the cache there is none, which is said but is no failure.
 */
async function openCache(
  repository: Repository,
  location: string,
  context: CommandContext,
): Promise<CacheFolder | undefined> {
  const { options, variables } = context;
  if (options.flag("no-cache")) return undefined;
  const chosen = options.text("cache-dir");
  if (chosen === undefined && isLocal(location)) return undefined;
  try {
    const folder = chosen ?? join(variables.plain("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "holdfast");
    const cache = await CacheFolder.open(folder, repository.config.id);
    if (options.flag("cleanup-cache")) await cleanUp(cache, repository, context);
    return cache;
  } catch (error) {
    context.signal.throwIfAborted();
    warnOfCache(context, error);
    return undefined;
  }
}

async function cleanUp(cache: CacheFolder, repository: Repository, { output, signal }: CommandContext): Promise<void> {
  let removed = 0;
  for (const type of CACHED_TYPES) {
    const known = new Set<Id>();
    for await (const { id } of repository.files(type, { signal })) known.add(id);
    removed += await cache.prune(type, (name) => known.has(name as Id), { signal });
  }
  output.message(`removed ${plural(removed, "file")} from the cache`, 1);
}

function warnOfCache({ output }: CommandContext, error: unknown): void {
  output.warn(`no cache is kept: ${messageOf(error)}`, { during: "cache" });
}
