/** The calls of SFTP as functions: what each sends, and what each must get back. */
import { ATTRIBUTE, REPLY, REQUEST, STATUS } from "./numbers.ts";
import { type Attributes, type Field, type PacketReader, ProtocolBreach } from "./packets.ts";
import { RefusedRequest, type SftpChannel } from "./sftp-channel.ts";

/** What the server calls an open file or folder. */
export type Handle = Uint8Array;

/** One name in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly attributes: Attributes;
}

/** How much room there is where a path lies. */
export interface RoomFacts {
  readonly freeBytes: number;
  readonly freeFiles: number;
  readonly isReadOnly: boolean;
}

/** Extensions of OpenSSH that others offer as well. */
export const EXTENSION = {
  FSYNC: "fsync@openssh.com",
  HARD_LINK: "hardlink@openssh.com",
  LIMITS: "limits@openssh.com",
  POSIX_RENAME: "posix-rename@openssh.com",
  ROOM: "statvfs@openssh.com",
} as const;

/** The calls all throw `RefusedRequest`, `ChannelLost` and `ProtocolBreach`. A path is relative to the folder that the server starts in. */
export class SftpCalls {
  readonly channel: SftpChannel;

  constructor(channel: SftpChannel) {
    this.channel = channel;
  }

  offers(extension: string): boolean {
    return this.channel.extensions.has(extension);
  }

  async open(path: string, how: number, mode?: number): Promise<Handle> {
    const fields: Field[] = mode === undefined ? [0] : [ATTRIBUTE.PERMISSIONS, mode];
    const reader = await this.#expect(REPLY.HANDLE, REQUEST.OPEN, path, how, ...fields);
    return Uint8Array.from(reader.bytes());
  }

  async openFolder(path: string): Promise<Handle> {
    return Uint8Array.from((await this.#expect(REPLY.HANDLE, REQUEST.OPENDIR, path)).bytes());
  }

  async closeHandle(handle: Handle): Promise<void> {
    await this.#done(REQUEST.CLOSE, handle);
  }

  /** At most `length` bytes, at least one; none at the end of the file. */
  async read(handle: Handle, position: number, length: number): Promise<Uint8Array> {
    try {
      const bytes = (await this.#expect(REPLY.DATA, REQUEST.READ, handle, BigInt(position), length)).bytes();
      if (bytes.length === 0 || bytes.length > length)
        throw new ProtocolBreach("the server sent more or less than it was asked for");
      return bytes;
    } catch (error) {
      if (isEnd(error)) return new Uint8Array(0);
      throw error;
    }
  }

  /** `bytes` are copied before this returns. */
  async write(handle: Handle, position: number, bytes: Uint8Array): Promise<void> {
    await this.#done(REQUEST.WRITE, handle, BigInt(position), bytes);
  }

  async stat(path: string): Promise<Attributes> {
    return (await this.#expect(REPLY.ATTRIBUTES, REQUEST.STAT, path)).attributes();
  }

  async statHandle(handle: Handle): Promise<Attributes> {
    return (await this.#expect(REPLY.ATTRIBUTES, REQUEST.FSTAT, handle)).attributes();
  }

  async setMode(handle: Handle, mode: number): Promise<void> {
    await this.#done(REQUEST.FSETSTAT, handle, ATTRIBUTE.PERMISSIONS, mode);
  }

  /** The next names of an open folder; `undefined` after the last. */
  async readFolder(handle: Handle): Promise<FolderEntry[] | undefined> {
    try {
      const reader = await this.#expect(REPLY.NAME, REQUEST.READDIR, handle);
      const entries: FolderEntry[] = [];
      for (let count = reader.number(); count > 0; count--) {
        const name = reader.text();
        reader.bytes(); // the line that `ls -l` would show
        entries.push({ name, attributes: reader.attributes() });
      }
      return entries;
    } catch (error) {
      if (isEnd(error)) return undefined;
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    await this.#done(REQUEST.REMOVE, path);
  }

  async makeFolder(path: string, mode: number): Promise<void> {
    await this.#done(REQUEST.MKDIR, path, ATTRIBUTE.PERMISSIONS, mode);
  }

  /** Refused when `to` exists, as far as the server keeps to the protocol. */
  async rename(from: string, to: string): Promise<void> {
    await this.#done(REQUEST.RENAME, from, to);
  }

  /** Replaces `to` at one stroke. */
  async renameOver(from: string, to: string): Promise<void> {
    await this.#done(REQUEST.EXTENDED, EXTENSION.POSIX_RENAME, from, to);
  }

  /** Refused when `to` exists. */
  async hardLink(from: string, to: string): Promise<void> {
    await this.#done(REQUEST.EXTENDED, EXTENSION.HARD_LINK, from, to);
  }

  async flush(handle: Handle): Promise<void> {
    await this.#done(REQUEST.EXTENDED, EXTENSION.FSYNC, handle);
  }

  /** The longest read and write that the server takes. */
  async limits(): Promise<{ readonly read: number; readonly write: number }> {
    const reader = await this.#expect(REPLY.EXTENDED, REQUEST.EXTENDED, EXTENSION.LIMITS);
    reader.flags(); // the longest packet
    return { read: Number(reader.flags()), write: Number(reader.flags()) };
  }

  async room(path: string): Promise<RoomFacts> {
    const reader = await this.#expect(REPLY.EXTENDED, REQUEST.EXTENDED, EXTENSION.ROOM, path);
    const facts = Array.from({ length: 10 }, () => reader.flags());
    const [, blockBytes = 0n, , , freeBlocks = 0n, , , freeFiles = 0n, , flags = 0n] = facts;
    return {
      freeBytes: Number(blockBytes * freeBlocks),
      freeFiles: Number(freeFiles),
      isReadOnly: (flags & 1n) === 1n,
    };
  }

  async #done(type: number, ...fields: Field[]): Promise<void> {
    await this.#expect(REPLY.STATUS, type, ...fields);
  }

  async #expect(reply: number, type: number, ...fields: Field[]): Promise<PacketReader> {
    const { type: actual, reader } = await this.channel.request(type, ...fields);
    if (actual !== reply) throw new ProtocolBreach("the server sent another kind of answer than was due");
    return reader;
  }
}

function isEnd(error: unknown): boolean {
  return error instanceof RefusedRequest && error.status === STATUS.END_OF_FILE;
}
