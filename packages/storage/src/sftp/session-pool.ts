/**
 * The channels to one server: opened when they are needed, shared when there are enough, replaced when they are lost. Each call
 * gets the one with the least to do, so that a small question need not wait behind a large upload.
 */
import type { CallOptions } from "../backend.ts";
import { abortable, settledWithin } from "./abortable.ts";
import type { Connection, Connector } from "./connection/connection.ts";
import { ChannelLost } from "./protocol/sftp-channel.ts";
import { type SftpSession, startSession } from "./sftp-session.ts";

const CLOSE_MS = 2000;

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
  async use<T>(work: (session: SftpSession) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const { session, release } = await this.acquire({ signal });
    try {
      return await work(session);
    } finally {
      release();
    }
  }

  /** A session until `release` is called. @throws as `use` */
  async acquire({ signal }: CallOptions): Promise<{ readonly session: SftpSession; readonly release: () => void }> {
    signal.throwIfAborted();
    this.#closing.signal.throwIfAborted();
    const slot = this.#slot();
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
  #slot(): Slot {
    this.#slots = this.#slots.filter(({ started }) => started?.calls.channel.isLost !== true);
    const least = this.#slots.reduce<Slot | undefined>(
      (best, slot) => (best === undefined || slot.users < best.users ? slot : best),
      undefined,
    );
    if (least !== undefined && (least.users === 0 || this.#slots.length >= this.#maxChannels)) return least;
    const slot: Slot = { users: 0, session: this.#start(), started: undefined };
    this.#slots.push(slot);
    slot.session.then(
      (session) => (slot.started = session),
      () => (this.#slots = this.#slots.filter((other) => other !== slot)),
    );
    return slot;
  }

  async #start(): Promise<SftpSession> {
    const connection = await this.#connect();
    try {
      const stream = await connection.openChannel({ signal: this.#closing.signal });
      return await startSession(stream, this.#options);
    } catch (error) {
      // A server may allow fewer channels than we like: then the ones that there are must do.
      const spare = this.#slots.find(({ started }) => started !== undefined && !started.calls.channel.isLost);
      if (spare?.started === undefined || connection.isLost) throw error;
      this.#maxChannels = Math.max(1, this.#slots.filter(({ started }) => started !== undefined).length);
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
