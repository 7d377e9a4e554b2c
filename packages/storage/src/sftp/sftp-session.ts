/** A channel that is ready to be used, with what the server said of itself. */
import type { Duplex } from "node:stream";
import { ProtocolBreach } from "./protocol/packets.ts";
import { EXTENSION, SftpCalls } from "./protocol/sftp-calls.ts";
import { SftpChannel } from "./protocol/sftp-channel.ts";

/** What every server takes in one request (the protocol's own minimum), and what is enough to keep the cost of a request small. */
const LEAST_BYTES = 32 * 1024;
const MOST_BYTES = 256 * 1024;

export interface SftpSession {
  readonly calls: SftpCalls;
  /** How much one request reads or writes. Grows once the server has told its limits. */
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** Starts SFTP on a stream. @throws ChannelLost, ProtocolBreach */
export async function startSession(stream: Duplex, options: { readonly idleMs: number }): Promise<SftpSession> {
  const channel = new SftpChannel(stream, options);
  await channel.start();
  return new Session(new SftpCalls(channel));
}

class Session implements SftpSession {
  readonly calls: SftpCalls;
  readBytes = LEAST_BYTES;
  writeBytes = LEAST_BYTES;

  constructor(calls: SftpCalls) {
    this.calls = calls;
    if (calls.offers(EXTENSION.LIMITS)) void this.#learnLimits(); // older servers have no such question
  }

  /** Nobody waits for the answer: a file must be opened before it is read or written, and that is answered later. */
  async #learnLimits(): Promise<void> {
    try {
      const { read, write } = await this.calls.limits();
      this.readBytes = within(read);
      this.writeBytes = within(write);
    } catch (error) {
      // A refusal leaves the least, and a channel that was lost is known to be; nothing may go on after a breach.
      if (error instanceof ProtocolBreach) this.calls.channel.lose(error);
    }
  }
}

/** 0 stands for no limit that the server would know. */
function within(limit: number): number {
  return Math.min(MOST_BYTES, limit === 0 ? LEAST_BYTES : limit);
}
