/** A repository that a follower stores in: opened once, and again when something failed. */
import type { PushedJournal } from "@holdfast/sources";
import { type JournalFile, pushJournal } from "@holdfast/sources";
import type { CommandContext } from "../context.ts";
import { safeText } from "../output/safe-text.ts";
import { type PreparedSession, type Session, prepareSession } from "../repository-session.ts";
import { type JournaledSource, journalBackup } from "./journaled-source.ts";

/** The follower tries again by itself. */
const PATIENCE_MS = 20_000;

export class PushLine {
  readonly context: CommandContext;
  readonly #source: JournaledSource;
  #prepared: PreparedSession | undefined;
  #session: Session | undefined;

  constructor(context: CommandContext, source: JournaledSource) {
    this.context = context;
    this.#source = source;
  }

  /** @throws what opening the repository and `pushJournal` throw; then nothing of these counts as stored */
  async push(files: readonly JournalFile[], { isHeartbeat = false } = {}): Promise<PushedJournal> {
    const { opened, format } = this.#source;
    try {
      const session = await this.#open();
      return await session.locked("append", (signal) =>
        pushJournal(session.repository, {
          kind: opened.kind.kind,
          name: opened.name,
          format,
          files,
          keepsAll: opened.source.journal?.keepsAll ?? false,
          isHeartbeat,
          backup: journalBackup(this.context),
          signal,
          onWarning: (message) => this.context.output.warn(safeText(message), { during: "journal", item: opened.name }),
        }),
      );
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** May be called twice. */
  async close(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    this.#session = undefined;
    await prepared?.close();
  }

  async #open(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    this.#prepared = await prepareSession(this.context, { patienceMs: PATIENCE_MS });
    this.#session = await this.#prepared.open();
    return this.#session;
  }
}
