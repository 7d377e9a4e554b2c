/** The beginning of an NBD connection: agrees on structured replies and contexts, and chooses an export. */
import type { Socket } from "node:net";
import type { Inlet } from "./inlet.ts";
import {
  FIXED_NEWSTYLE,
  INFO_EXPORT,
  MAGIC,
  NO_ZEROES,
  OPTION,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  REPLY,
} from "./protocol.ts";

/** More than any answer of a handshake needs. */
const MAX_REPLY_BYTES = 64 * 1024;

export interface Agreed {
  readonly sizeBytes: number;
  /** The contexts that the server has, by the numbers that it uses for them. */
  readonly contexts: ReadonlyMap<number, string>;
}

export interface Wanted {
  readonly exportName: string;
  readonly contexts: readonly string[];
}

interface OptionReply {
  readonly type: number;
  readonly data: Buffer;
}

/** @throws Error that says what the server refused, or in what it does not keep to the protocol */
export async function shakeHands(socket: Socket, inlet: Inlet, { exportName, contexts }: Wanted): Promise<Agreed> {
  const greeting = Buffer.from(await inlet.take(18));
  if (greeting.readBigUInt64BE(0) !== MAGIC || greeting.readBigUInt64BE(8) !== OPTION_MAGIC) {
    throw new Error("the other side does not speak NBD in its newstyle form");
  }
  const flags = greeting.readUInt16BE(16);
  if ((flags & FIXED_NEWSTYLE) === 0) throw new Error("the NBD server is too old");
  const ours = Buffer.alloc(4);
  ours.writeUInt32BE(FIXED_NEWSTYLE | (flags & NO_ZEROES));
  socket.write(ours);

  const ask = async (option: number, data: Buffer): Promise<OptionReply[]> => {
    socket.write(optionRequest(option, data));
    return optionReplies(inlet, option);
  };
  await ask(OPTION.structuredReply, Buffer.alloc(0));
  const name = prefixed(exportName);
  const known = new Map<number, string>();
  if (contexts.length > 0) {
    const queries = contexts.map((context) => prefixed(context));
    for (const { type, data } of await ask(
      OPTION.setMetaContext,
      Buffer.concat([name, count32(queries.length), ...queries]),
    )) {
      if (type === REPLY.metaContext && data.length >= 4) known.set(data.readUInt32BE(0), data.toString("utf8", 4));
    }
  }
  const replies = await ask(OPTION.go, Buffer.concat([name, Buffer.alloc(2)]));
  const info = replies.find(
    ({ type, data }) => type === REPLY.info && data.length >= 12 && data.readUInt16BE(0) === INFO_EXPORT,
  );
  if (info === undefined) throw new Error("the NBD server does not say how large its export is");
  const sizeBytes = Number(info.data.readBigUInt64BE(2));
  if (!Number.isSafeInteger(sizeBytes)) throw new Error("the NBD server names a size that cannot be");
  return { sizeBytes, contexts: known };
}

function optionRequest(option: number, data: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(OPTION_MAGIC, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(data.length, 12);
  return Buffer.concat([head, data]);
}

/** All answers to an option, until the one that ends them. */
async function optionReplies(inlet: Inlet, option: number): Promise<OptionReply[]> {
  const replies: OptionReply[] = [];
  for (;;) {
    const head = Buffer.from(await inlet.take(20));
    const length = head.readUInt32BE(16);
    if (head.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC || head.readUInt32BE(8) !== option || length > MAX_REPLY_BYTES) {
      throw new Error("the NBD server gave an answer that nobody asked for");
    }
    const type = head.readUInt32BE(12);
    const data = Buffer.from(await inlet.take(length));
    if (type === REPLY.ack) return replies;
    if ((type & REPLY.errorBit) !== 0) {
      const said = data.length > 0 ? `: ${data.toString("utf8")}` : "";
      throw new Error(`the NBD server refuses option ${option} with ${(type & 0xffff).toString()}${said}`);
    }
    replies.push({ type, data });
  }
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([count32(bytes.length), bytes]);
}

function count32(count: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(count);
  return bytes;
}
