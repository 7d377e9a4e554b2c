/** Packets of SFTP as bytes: written for requests, read from replies. */
import { ATTRIBUTE } from "./numbers.ts";

/** What a server that breaks the protocol did; the channel is of no use after it. */
export class ProtocolBreach extends Error {}

/** Length, type and request number. */
const HEADER_BYTES = 9;

/** A field of a request: a number of 32 bits, one of 64, or a string with its length before it. */
export type Field = number | bigint | string | Uint8Array;

/** A whole request, ready to be sent. The bytes of `fields` are copied. */
export function requestPacket(type: number, id: number, fields: readonly Field[]): Buffer {
  const strings = fields.map((field) => (typeof field === "string" ? Buffer.from(field) : field));
  let length = HEADER_BYTES;
  for (const field of strings)
    length += typeof field === "number" ? 4 : typeof field === "bigint" ? 8 : 4 + field.length;
  const packet = Buffer.allocUnsafe(length);
  packet.writeUInt32BE(length - 4, 0);
  packet[4] = type;
  let at = packet.writeUInt32BE(id, 5);
  for (const field of strings) {
    if (typeof field === "number") at = packet.writeUInt32BE(field, at);
    else if (typeof field === "bigint") at = packet.writeBigUInt64BE(field, at);
    else {
      at = packet.writeUInt32BE(field.length, at);
      packet.set(field, at);
      at += field.length;
    }
  }
  return packet;
}

/** What is known of a remote file; a server may leave out each. */
export interface Attributes {
  readonly sizeBytes: number | undefined;
  readonly mode: number | undefined;
  /** Seconds since 1970. */
  readonly modifiedSeconds: number | undefined;
}

/** Reads fields one after the other. @throws ProtocolBreach past the end */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  number(): number {
    return this.#take(4).readUInt32BE(0);
  }

  /** 64 bits. @throws ProtocolBreach when it is no safe integer */
  large(): number {
    const value = Number(this.#take(8).readBigUInt64BE(0));
    if (!Number.isSafeInteger(value)) throw new ProtocolBreach("the server sent a size that no file has");
    return value;
  }

  /** 64 bits that may be used up to the last one, such as flags. */
  flags(): bigint {
    return this.#take(8).readBigUInt64BE(0);
  }

  /** A view of the packet. */
  bytes(): Buffer {
    return this.#take(this.number());
  }

  text(): string {
    return this.bytes().toString();
  }

  attributes(): Attributes {
    const flags = this.number();
    const sizeBytes = flags & ATTRIBUTE.SIZE ? this.large() : undefined;
    if (flags & ATTRIBUTE.OWNER) this.#take(8);
    const mode = flags & ATTRIBUTE.PERMISSIONS ? this.number() : undefined;
    if (flags & ATTRIBUTE.TIMES) this.#take(4);
    const modifiedSeconds = flags & ATTRIBUTE.TIMES ? this.number() : undefined;
    if (flags & ATTRIBUTE.EXTENDED) {
      for (let count = this.number(); count > 0; count--) {
        this.bytes(); // the name
        this.bytes(); // the value
      }
    }
    return { sizeBytes, mode, modifiedSeconds };
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new ProtocolBreach("the server sent a packet that ends too early");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}

/** Cuts what arrives into packets. Memory: one packet. */
export class PacketSplitter {
  readonly #maxBytes: number;
  readonly #onPacket: (packet: Buffer) => void;
  readonly #length = Buffer.alloc(4);
  #lengthBytes = 0;
  #packet: Buffer | undefined;
  #filled = 0;

  /** @param maxBytes a longer packet is a breach, so that a server cannot make this process take any memory it likes */
  constructor(maxBytes: number, onPacket: (packet: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onPacket = onPacket;
  }

  /** Calls back once for each packet that is complete now: type and what follows it, without the length. @throws ProtocolBreach */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      this.#packet ??= this.#started(chunk[at++] as number);
      if (this.#packet === undefined) continue;
      const part = chunk.subarray(at, at + this.#packet.length - this.#filled);
      part.copy(this.#packet, this.#filled);
      at += part.length;
      this.#filled += part.length;
      if (this.#filled < this.#packet.length) return;
      const packet = this.#packet;
      this.#packet = undefined;
      this.#filled = 0;
      this.#onPacket(packet);
    }
  }

  /** One more byte of the length; once that is complete, the memory for the packet. */
  #started(byte: number): Buffer | undefined {
    this.#length[this.#lengthBytes++] = byte;
    if (this.#lengthBytes < 4) return undefined;
    this.#lengthBytes = 0;
    const length = this.#length.readUInt32BE(0);
    if (length < 5 || length > this.#maxBytes) {
      throw new ProtocolBreach("the server does not speak SFTP (does something print text at login?)");
    }
    return Buffer.allocUnsafe(length);
  }
}
