/**
 * A capture of a source that is kept in several repositories: the first that can be used and has one gives it, and the others stand by, in
 * case that one fails in the middle.
 */
import { isHoldfastError, messageOf } from "@holdfast/base";
import { type Snapshot, displayPath, listSnapshots, loadIndex } from "@holdfast/engine";
import type { OpenedSource } from "@holdfast/protection/configured";
import { type CaptureCopy, openCapturedCopies } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { cliError } from "../errors.ts";
import { reportChange, tellDamages } from "../restore/report.ts";
import { COPY_PATIENCE_MS, isRepositoryFailure } from "../restore/repository-failure.ts";
import { type Session, holdLock, prepareSession } from "../repository-session.ts";
import { type CaptureChoice, type FoundCapture, captureFilter, findCapture } from "./captured-source.ts";

/** A repository that is open and locked. */
interface OpenRepository {
  readonly session: Session;
  /** Aborts when the lock is lost. */
  readonly signal: AbortSignal;
}

export class CaptureCopies {
  readonly #contexts: readonly CommandContext[];
  readonly #opened: Pick<OpenedSource, "name" | "kind" | "source">;
  readonly #closing: (() => Promise<unknown>)[] = [];

  /** @param contexts one for each repository, in the order in which they are tried */
  constructor(contexts: readonly CommandContext[], opened: Pick<OpenedSource, "name" | "kind" | "source">) {
    this.#contexts = contexts;
    this.#opened = opened;
  }

  /** @throws what is wrong with the first of them when none can be used, and what is for the user to mend, such as a wrong password */
  async find(choice: CaptureChoice): Promise<FoundCapture> {
    let failure: unknown;
    for (const [at, context] of this.#contexts.entries()) {
      try {
        return await this.#findIn(context, choice, this.#contexts.slice(at + 1));
      } catch (error) {
        choice.signal.throwIfAborted();
        failure ??= error;
        if (!isWithout(error) && !isRepositoryFailure(error)) throw error;
        if (at + 1 === this.#contexts.length) break;
        context.output.warn(`${placeOf(context)} is passed over: ${messageOf(error)}`, { during: "open" });
      }
    }
    throw failure;
  }

  /** Unlocks and closes all that were opened. */
  async close(): Promise<void> {
    // That a place is gone was told already.
    for (const close of this.#closing.splice(0).toReversed()) await close().catch(() => {});
  }

  async #findIn(
    context: CommandContext,
    choice: CaptureChoice,
    others: readonly CommandContext[],
  ): Promise<FoundCapture> {
    const { session, signal } = await this.#open(context, choice.signal);
    const found = await findCapture(session, this.#opened, {
      ...choice,
      signal: AbortSignal.any([choice.signal, signal]),
    });
    const { repository } = session;
    const { snapshot } = found.stored;
    const own = { repository, index: found.index, signal, snapshot };
    const first: CaptureCopy = { location: placeOf(context), open: () => Promise.resolve(own) };
    const standby = others.map((other) => this.#standby(other, choice, snapshot));
    const tree = await openCapturedCopies([first, ...standby], {
      signal: choice.signal,
      facts: found.tree.facts,
      onChange: (change) => reportChange(change, context.output),
      onDamage: (damage) => tellDamages({ damages: [damage] }, context.output),
    });
    return { ...found, tree };
  }

  #standby(context: CommandContext, choice: CaptureChoice, wanted: Snapshot): CaptureCopy {
    let opening: ReturnType<CaptureCopy["open"]> | undefined;
    const open = async (): ReturnType<CaptureCopy["open"]> => {
      const { session, signal } = await this.#open(context, choice.signal);
      const { repository } = session;
      const both = AbortSignal.any([choice.signal, signal]);
      const filter = captureFilter(this.#opened, choice.host);
      const all = await listSnapshots(repository, { signal: both, filter });
      const same = all.find(({ snapshot }) => snapshot.tree === wanted.tree);
      const location = displayPath(repository.backend.location);
      if (same === undefined) throw cliError("CLI_NO_CAPTURE", { name: this.#opened.name, location });
      return { repository, index: await loadIndex(repository, { signal: both }), signal, snapshot: same.snapshot };
    };
    return { location: placeOf(context), open: () => (opening ??= open()) };
  }

  async #open(context: CommandContext, signal: AbortSignal): Promise<OpenRepository> {
    const isAlone = this.#contexts.length === 1;
    const patienceMs = isAlone ? undefined : COPY_PATIENCE_MS;
    const prepared = await prepareSession({ ...context, signal }, { use: "reads", patienceMs });
    this.#closing.push(() => prepared.close());
    const session = await prepared.open();
    const lock = await holdLock(session, "look");
    this.#closing.push(() => lock.release());
    return { session, signal: lock.signal };
  }
}

/** Whether it says that a repository has no such capture. */
function isWithout(error: unknown): boolean {
  return ["CLI_NO_CAPTURE", "CLI_NO_EARLIER_CAPTURE", "ENGINE_ID_NOT_FOUND"].some((code) =>
    isHoldfastError(error, code),
  );
}

/** As `-r` takes it. */
function placeOf({ chosen }: CommandContext): string {
  return chosen?.name ?? "the repository";
}
