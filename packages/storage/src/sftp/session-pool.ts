/**
 * The channels to one server: opened when they are needed, shared when there are enough, replaced when they are lost. Each call
 * gets the one with the least to do, so that a small question need not wait behind a large upload. To open one takes three ways
 * there and back, which only a call with much to carry waits for when there is another.
 */
import type { CallOptions } from "../backend.ts";
import { abortable, settledWithin } from "./abortable.ts";
import type { Connection, Connector } from "./connection/connection.ts";
import { ChannelLost } from "./protocol/sftp-channel.ts";
import { type SftpSession, startSession } from "./sftp-session.ts";

const CLOSE_MS = 2000;
/** More than this takes longer over a channel that is shared than to open another one. */
const MUCH_BYTES = 1024 * 1024;

/** One place for a channel. It is started by the first call that gets it. */
interface Slot {
  users: number;
  session: Promise<SftpSession>;
  started: SftpSession | undefined;
}

export interface PoolOptions {
  /** After this long without a byte while answers are due, a channel counts as lost. */
  readonly idleMs: number;
  readonly maxChannels: number;
}

/** What a call tells of itself. */
export interface UseOptions extends CallOptions {
  /** How much it will carry; 0 when it is a question. */
  readonly bytes: number;
}

export class SessionPool {
  readonly #connector: Connector;
  readonly #options: PoolOptions;
  readonly #closing = new AbortController();
  #slots: Slot[] = [];
  #connection: Promise<Connection> | undefined;
  #lost: Promise<Connection> | undefined;
  #maxChannels: number;

  constructor(connector: Connector, options: PoolOptions) {
    this.#connector = connector;
    this.#options = options;
    this.#maxChannels = options.maxChannels;
  }

  /** Runs `work` with a session. @throws what connecting throws, and the signal's reason */
  async use<T>(work: (session: SftpSession) => Promise<T>, options: UseOptions): Promise<T> {
    const { session, release } = await this.acquire(options);
    try {
      return await work(session);
    } finally {
      release();
    }
  }

  /** A session until `release` is called. @throws as `use` */
  async acquire({
    signal,
    bytes,
  }: UseOptions): Promise<{ readonly session: SftpSession; readonly release: () => void }> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const slot = this.#slot(bytes);
    slot.users++;
    try {
      return { session: await abortable(slot.session, signal), release: () => void slot.users-- };
    } catch (error) {
      slot.users--;
      throw error;
    }
  }

  async close(): Promise<void> {
    const reason = new ChannelLost("the repository was closed");
    this.#closing.abort(reason);
    for (const { started } of this.#slots) started?.calls.channel.lose(reason);
    if (this.#connection === undefined) return;
    await settledWithin(
      this.#connection.then((connection) => connection.close()),
      CLOSE_MS,
    );
  }

  /** The slot with the fewest users, or a new one where that is better than to share. */
  #slot(bytes: number): Slot {
    this.#slots = this.#slots.filter(({ started }) => started?.calls.channel.isLost !== true);
    const least = leastUsed(this.#slots);
    if (least !== undefined && (least.users === 0 || this.#slots.length >= this.#maxChannels)) {
      return bytes > MUCH_BYTES || least.started !== undefined ? least : (leastUsed(this.#startedSlots()) ?? least);
    }
    const ready = leastUsed(this.#startedSlots());
    const slot: Slot = { users: 0, session: this.#start(), started: undefined };
    this.#slots.push(slot);
    slot.session.then(
      (session) => (slot.started = session),
      () => (this.#slots = this.#slots.filter((other) => other !== slot)),
    );
    return bytes > MUCH_BYTES ? slot : (ready ?? slot);
  }

  #startedSlots(): Slot[] {
    return this.#slots.filter(({ started }) => started !== undefined);
  }

  async #start(): Promise<SftpSession> {
    const connection = await this.#connect();
    try {
      const stream = await connection.openChannel({ signal: this.#closing.signal });
      return await startSession(stream, this.#options);
    } catch (error) {
      // A server may allow fewer channels than we like: then the ones that there are must do.
      const spare = this.#startedSlots().find(({ started }) => started?.calls.channel.isLost === false);
      if (spare?.started === undefined || connection.isLost) throw error;
      this.#maxChannels = Math.max(1, this.#startedSlots().length);
      return spare.started;
    }
  }

  /** One connection for all; another one once it is lost. */
  async #connect(): Promise<Connection> {
    if (this.#connection === undefined || this.#connection === this.#lost) {
      this.#connection = this.#connector({ signal: this.#closing.signal });
    }
    const asked = this.#connection;
    try {
      const connection = await asked;
      if (!connection.isLost) return connection;
      await connection.close();
    } catch (error) {
      this.#lost = asked;
      throw error;
    }
    this.#lost = asked;
    return this.#connect();
  }
}

function leastUsed(slots: readonly Slot[]): Slot | undefined {
  return slots.reduce<Slot | undefined>(
    (best, slot) => (best === undefined || slot.users < best.users ? slot : best),
    undefined,
  );
}
