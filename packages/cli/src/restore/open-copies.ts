/** Opens all copies of a repository at once, and finds in each what is to be restored. */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isHoldfastError, messageOf } from "@holdfast/base";
import {
  type BlobIndex,
  type StoredSnapshot,
  displayPath,
  findSnapshot,
  listSnapshots,
  loadIndex,
  withIndexBeside,
} from "@holdfast/engine";
import { parseLocation } from "@holdfast/storage";
import type { CommandContext } from "../context.ts";
import { otherCount, repositoryLocation } from "../repository-location.ts";
import { type HeldLock, type PreparedSession, type Session, holdLock, prepareSession } from "../repository-session.ts";
import { snapshotFilter } from "../snapshot-choice.ts";
import { copiedFrom } from "./copied-snapshot.ts";
import { COPY_PATIENCE_MS, isRepositoryFailure } from "./repository-failure.ts";

/** Once a copy is ready, the others are waited for no longer than this. */
const GRACE_MS = 10_000;
const LOOK_MS = 50;

/** A copy that is open and locked. */
export interface OpenCopy {
  readonly session: Session;
  readonly signal: AbortSignal;
  /** What is to be restored, as this copy has it; `undefined` when it has no such snapshot. */
  readonly found: FoundSnapshot | undefined;
  /** Loads the index once. */
  index(): Promise<BlobIndex>;
}

export interface FoundSnapshot {
  readonly stored: StoredSnapshot;
  /** As it was given; empty without one. */
  readonly subfolder: string;
}

/** One of the copies that were named, on its way. */
export interface NamedCopy {
  /** For people and messages. */
  readonly location: string;
  /** Where it lies on this machine, absolute; `undefined` when it does not. */
  readonly folder: string | undefined;
  readonly isOwn: boolean;
  /** Resolves when it is ready. */
  readonly opening: Promise<OpenCopy>;
  /** What came of it so far. */
  readonly outcome: OpenCopy | { readonly error: unknown } | undefined;
}

/** All copies that are named, in the given order. */
export class NamedCopies {
  readonly #context: CommandContext;
  readonly #copies: { copy: NamedCopy & { outcome: NamedCopy["outcome"] }; close(): Promise<void> }[] = [];
  readonly #abort = new AbortController();
  #isStarted = false;
  #isAlone = true;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  get all(): readonly NamedCopy[] {
    return this.#copies.map(({ copy }) => copy);
  }

  /** From here on, a copy that cannot be opened is only told. */
  started(): void {
    this.#isStarted = true;
  }

  /**
   * Opens all of them, and waits until one is ready, and a while for the others.
   * @param whileOpening called once there is a repository and a password
   * @throws what is wrong with one of them, where that is for the user to mend, such as a wrong password; when none can be used, what
   *   is wrong with the first
   */
  async open(whileOpening: () => void): Promise<void> {
    const signal = AbortSignal.any([this.#context.signal, this.#abort.signal]);
    const context = { ...this.#context, signal };
    const others = await otherCount(context);
    this.#isAlone = others === 0;
    const starting = once(whileOpening);
    for (let nth = -1; nth < others; nth++) await this.#start(context, nth, starting);
    const openings = this.#copies.map(({ copy }) => copy.opening);
    const refused = Promise.withResolvers<never>();
    for (const opening of openings) {
      opening.catch((error: unknown) => {
        if (!isRepositoryFailure(error)) refused.reject(error);
      });
    }
    refused.promise.catch(() => {});
    const first = Promise.any(openings).catch(() => Promise.reject(this.#failure()));
    await Promise.race([first, refused.promise]);
    await Promise.race([Promise.allSettled(openings), this.#grace(signal), refused.promise]);
  }

  /** Ends and unlocks all of them. */
  async close(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#copies.map(({ close }) => close()));
  }

  /** What is wrong with the first of them. */
  #failure(): unknown {
    const [first] = this.#copies;
    const outcome = first?.copy.outcome;
    return outcome !== undefined && "error" in outcome ? outcome.error : undefined;
  }

  /** Ends when nobody types a password any more, and the others have had their time. */
  async #grace(signal: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < GRACE_MS && !signal.aborted;) {
      await sleep(LOOK_MS);
      if (!this.#context.passwords.isAsking) waitedMs += LOOK_MS;
    }
  }

  async #start(context: CommandContext, nth: number, whileOpening: () => void): Promise<void> {
    const isOwn = nth < 0;
    const named = await repositoryLocation(context, isOwn ? "own" : "from", Math.max(0, nth));
    const { scheme, shown: location } = parseLocation(named);
    const folder = scheme === "local" ? resolve(location) : undefined;
    const closing: (() => Promise<unknown>)[] = [];
    const opening = openCopy(context, nth, closing, whileOpening);
    const copy = { location, folder, isOwn, opening, outcome: undefined as NamedCopy["outcome"] };
    const settled = opening.then(
      (opened) => {
        copy.outcome = opened;
      },
      (error: unknown) => {
        copy.outcome = { error };
        this.#tell(copy, error);
      },
    );
    const close = async (): Promise<void> => {
      // One that hangs in a system call is not waited for.
      await Promise.race([settled, sleep(1000, undefined, { ref: false })]);
      // That a place is gone was told already.
      for (const end of closing.toReversed()) await end().catch(() => {});
    };
    this.#copies.push({ copy, close });
  }

  #tell(copy: NamedCopy, error: unknown): void {
    const { output, signal } = this.#context;
    if (signal.aborted || this.#abort.signal.aborted) return;
    const whose = copy.isOwn ? "the repository" : "the repository of --from-repo";
    if (isRepositoryFailure(error) || this.#isStarted) {
      if (this.#isAlone) return;
      output.warn(`${whose} (${displayPath(copy.location)}) cannot be used: ${messageOf(error)}`, { during: "open" });
    } else if (!copy.isOwn) {
      const which = this.#copies.length > 2 ? ` (${displayPath(copy.location)})` : "";
      output.message(`${whose}${which} could not be opened:`);
    }
  }
}

function once(run: () => void): () => void {
  let hasRun = false;
  return () => {
    if (!hasRun) run();
    hasRun = true;
  };
}

async function openCopy(
  context: CommandContext,
  nth: number,
  closing: (() => Promise<unknown>)[],
  whileOpening: () => void,
): Promise<OpenCopy> {
  const isAlone = nth < 0 && (await otherCount(context)) === 0;
  const prepared: PreparedSession = await prepareSession(context, {
    whose: nth < 0 ? "own" : "from",
    nth: Math.max(0, nth),
    whileOpening,
    use: "reads",
    patienceMs: isAlone ? undefined : COPY_PATIENCE_MS,
  });
  closing.push(() => prepared.close());
  const session = await prepared.open();
  const lock: HeldLock = await holdLock(session, "look");
  closing.push(() => lock.release());
  const signal = AbortSignal.any([lock.signal, context.signal]);
  if (isAlone) {
    // Nobody else may turn out to be the one to read from, so its index is needed.
    const { found, index } = await withIndexBeside(
      session.repository,
      (onListed, both) => findIn(context, session, { signal: both, onListed }),
      { signal },
    );
    return { session, signal, found, index: () => Promise.resolve(index) };
  }
  const found = nth < 0 ? await findIn(context, session, { signal }) : await findInCopy(context, session, signal);
  let index: Promise<BlobIndex> | undefined;
  return { session, signal, found, index: () => (index ??= loadIndex(session.repository, { signal })) };
}

/** `undefined` when it is not there. @throws ENGINE_ID_AMBIGUOUS, and what reading snapshots throws */
async function findIn(
  { args, options }: CommandContext,
  { repository }: Session,
  { signal, onListed }: Pick<Parameters<typeof findSnapshot>[2], "signal" | "onListed">,
): Promise<FoundSnapshot | undefined> {
  try {
    return await findSnapshot(repository, args[0] ?? "", { signal, onListed, filter: snapshotFilter(options) });
  } catch (error) {
    if (isHoldfastError(error, "ENGINE_ID_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** By the id that it had in the repository that it was copied from, else as in any repository. */
async function findInCopy(
  context: CommandContext,
  session: Session,
  signal: AbortSignal,
): Promise<FoundSnapshot | undefined> {
  const [text = ""] = context.args;
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  if (/^[0-9a-f]+$/.test(name)) {
    const all = await listSnapshots(session.repository, { signal, onDamaged: () => {} });
    const stored = copiedFrom(all, name);
    if (stored !== undefined) return { stored, subfolder: colon < 0 ? "" : text.slice(colon + 1) };
  }
  try {
    return await findIn(context, session, { signal });
  } catch (error) {
    // What is the beginning of one id in the first may be that of several here.
    if (isHoldfastError(error, "ENGINE_ID_AMBIGUOUS")) return undefined;
    throw error;
  }
}
