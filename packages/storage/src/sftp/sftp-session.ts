/** A channel that is ready to be used, with what the server said of itself. */
import type { Duplex } from "node:stream";
import { EXTENSION, SftpCalls } from "./protocol/sftp-calls.ts";
import { SftpChannel } from "./protocol/sftp-channel.ts";

/** What every server takes in one request (the protocol's own minimum), and what is enough to keep the cost of a request small. */
const LEAST_BYTES = 32 * 1024;
const MOST_BYTES = 128 * 1024;

export interface SftpSession {
  readonly calls: SftpCalls;
  /** How much one request reads or writes. */
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** Starts SFTP on a stream. @throws ChannelLost, ProtocolBreach */
export async function startSession(stream: Duplex, options: { readonly idleMs: number }): Promise<SftpSession> {
  const channel = new SftpChannel(stream, options);
  await channel.start();
  const calls = new SftpCalls(channel);
  // Older servers have no such question.
  const limits = calls.offers(EXTENSION.LIMITS) ? await calls.limits() : { read: 0, write: 0 };
  return { calls, readBytes: within(limits.read), writeBytes: within(limits.write) };
}

/** 0 stands for no limit that the server would know. */
function within(limit: number): number {
  return Math.min(MOST_BYTES, limit === 0 ? LEAST_BYTES : limit);
}
