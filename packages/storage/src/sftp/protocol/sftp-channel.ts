/**
 * One channel that speaks SFTP over any stream of bytes. Requests are sent as they come, without waiting for replies to others:
 * the number of a request tells whose a reply is.
 *
 * There are clients of this protocol on the registry, but each is bound to its own SSH connection, and this must also run over
 * the standard input and output of the system's `ssh`.
 */
import type { Duplex } from "node:stream";
import { isHoldfastError } from "@holdfast/base";
import { REPLY, REQUEST, STATUS } from "./numbers.ts";
import { type Field, PacketReader, PacketSplitter, ProtocolBreach, requestPacket } from "./packets.ts";

/** The most that a server may put into one packet. OpenSSH sends up to 256 KiB. */
const MAX_PACKET_BYTES = 300 * 1024;

/** The server refused a request. */
export class RefusedRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The channel ended, so that the outcome of requests under way is not known. */
export class ChannelLost extends Error {}

/** A reply other than a refusal. */
export interface Reply {
  readonly type: number;
  readonly reader: PacketReader;
}

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class SftpChannel {
  readonly #stream: Duplex;
  readonly #idleMs: number;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #extensions: ReadonlyMap<string, string> = new Map();
  #loss: Error | undefined;
  #heardAtMs = performance.now();
  #watch: NodeJS.Timeout | undefined;
  #onVersion: Pending | undefined;

  /** @param idleMs after this long without a byte while replies are due, the channel counts as lost */
  constructor(stream: Duplex, { idleMs }: { idleMs: number }) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    const splitter = new PacketSplitter(MAX_PACKET_BYTES, (packet) => this.#take(packet));
    stream.on("data", (chunk: Buffer) => {
      this.#heardAtMs = performance.now();
      try {
        splitter.push(chunk);
      } catch (error) {
        this.lose(error instanceof Error ? error : new ProtocolBreach("the server breaks the protocol"));
      }
    });
    // An error that says what is wrong comes out as it is.
    stream.on("error", (error: Error) => this.lose(isHoldfastError(error) ? error : new ChannelLost(error.message)));
    for (const event of ["end", "close"]) {
      stream.on(event, () => this.lose(new ChannelLost("the server closed the connection")));
    }
  }

  /** Extensions that the server offers, by name; empty before `start`. */
  get extensions(): ReadonlyMap<string, string> {
    return this.#extensions;
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** Agrees on the version. @throws ChannelLost, ProtocolBreach */
  async start(): Promise<void> {
    const init = requestPacket(REQUEST.INIT, 3, []); // the version stands where the number of a request does
    const version = await new Promise<Reply>((resolve, reject) => {
      if (this.#loss !== undefined) return reject(this.#loss);
      this.#onVersion = { resolve, reject };
      this.#watchOn();
      this.#stream.write(init);
    });
    const { reader } = version;
    if (reader.number() < 3) throw new ProtocolBreach("the server speaks an SFTP older than version 3");
    const extensions = new Map<string, string>();
    while (reader.hasMore) extensions.set(reader.text(), reader.text());
    this.#extensions = extensions;
  }

  /** Sends a request. @throws RefusedRequest, ChannelLost, ProtocolBreach */
  request(type: number, ...fields: Field[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#loss !== undefined) return reject(this.#loss);
      this.#lastId = (this.#lastId + 1) >>> 0;
      if (this.#pending.size === 0) this.#watchOn();
      this.#pending.set(this.#lastId, { resolve, reject });
      this.#stream.write(requestPacket(type, this.#lastId, fields));
    });
  }

  /** Ends the channel: whatever waits for a reply gets `reason`. */
  lose(reason: Error): void {
    if (this.#loss !== undefined) return;
    this.#loss = reason;
    clearInterval(this.#watch);
    this.#stream.destroy();
    this.#onVersion?.reject(reason);
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  #take(packet: Buffer): void {
    const type = packet[0] as number;
    if (this.#onVersion !== undefined) {
      if (type !== REPLY.VERSION) throw new ProtocolBreach("the server does not begin with its version of SFTP");
      const waiting = this.#onVersion;
      this.#onVersion = undefined;
      this.#watchOff();
      return waiting.resolve({ type, reader: new PacketReader(packet.subarray(1)) });
    }
    const id = packet.readUInt32BE(1);
    const pending = this.#pending.get(id);
    if (pending === undefined) throw new ProtocolBreach("the server answers what was not asked");
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#watchOff();
    const reader = new PacketReader(packet.subarray(5));
    if (type !== REPLY.STATUS) return pending.resolve({ type, reader });
    try {
      const status = reader.number();
      if (status === STATUS.OK) return pending.resolve({ type, reader });
      pending.reject(new RefusedRequest(status, reader.hasMore ? reader.text().slice(0, 200) : ""));
    } catch (error) {
      pending.reject(error as Error);
      throw error;
    }
  }

  #watchOn(): void {
    this.#heardAtMs = performance.now();
    this.#watch ??= setInterval(
      () => {
        const silentMs = performance.now() - this.#heardAtMs;
        if (silentMs < this.#idleMs) return;
        this.lose(new ChannelLost(`no answer for ${Math.round(silentMs / 1000)} seconds`));
      },
      Math.min(5000, this.#idleMs / 4),
    );
  }

  #watchOff(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }
}
