/** A connection to an NBD server, for reading only: several requests may be under way. */
import { type Socket, connect } from "node:net";
import { messageOf } from "@holdfast/base";
import type { CallOptions } from "../../contract/source.ts";
import { sourcesError } from "../../errors.ts";
import { type Agreed, type Wanted, shakeHands } from "./handshake.ts";
import { Inlet } from "./inlet.ts";
import { CHUNK, CHUNK_DONE, COMMAND, REQUEST_MAGIC, SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC } from "./protocol.ts";

/** A server that answers nothing for so long has gone, or its disk has. */
const SILENCE_MS = 120_000;
/** A description of a stretch: what it is and how long. */
const EXTENT_BYTES = 8;
const MAX_STATUS_BYTES = 64 * 1024 * 1024;

export interface NbdPlace extends Wanted {
  readonly socketPath: string;
  /** For messages: `source web`. */
  readonly source: string;
}

/** A stretch of the disk, and its flags in one context. */
export interface Extent {
  readonly bytes: number;
  readonly flags: number;
}

interface Request {
  readonly target: Uint8Array | undefined;
  readonly offset: number;
  /** Bytes of `target` that have come. */
  filled: number;
  readonly status: Map<string, Extent[]>;
  failure: string | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

export class NbdConnection {
  readonly sizeBytes: number;
  readonly #socket: Socket;
  readonly #inlet: Inlet;
  readonly #source: string;
  readonly #contexts: Agreed["contexts"];
  readonly #requests = new Map<bigint, Request>();
  readonly #silence: NodeJS.Timeout;
  #next = 1n;
  #failure: { readonly error: unknown } | undefined;

  private constructor(socket: Socket, inlet: Inlet, agreed: Agreed, source: string) {
    this.#socket = socket;
    this.#inlet = inlet;
    this.#source = source;
    this.sizeBytes = agreed.sizeBytes;
    this.#contexts = agreed.contexts;
    this.#silence = setTimeout(() => {
      if (this.#requests.size > 0) this.#fail(new Error(`the NBD server said nothing for ${SILENCE_MS / 1000} s`));
      else this.#silence.refresh();
    }, SILENCE_MS);
    this.#silence.unref();
    void this.#receive();
  }

  /** Ends with the signal. @throws SOURCES_UNREACHABLE */
  static async open({ socketPath, source, ...wanted }: NbdPlace, { signal }: CallOptions): Promise<NbdConnection> {
    signal.throwIfAborted();
    const socket = connect({ path: socketPath });
    const inlet = new Inlet(socket);
    const silence = setTimeout(() => socket.destroy(new Error("the NBD server does not answer")), SILENCE_MS);
    const onAbort = (): void => void socket.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("close", () => signal.removeEventListener("abort", onAbort));
    try {
      return new NbdConnection(socket, inlet, await shakeHands(socket, inlet, wanted), source);
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      throw sourcesError("SOURCES_UNREACHABLE", { source, reason: messageOf(error) }, error);
    } finally {
      clearTimeout(silence);
    }
  }

  /** Whether the server tells of it. */
  has(context: string): boolean {
    return [...this.#contexts.values()].includes(context);
  }

  /** @throws SOURCES_UNREACHABLE when the connection has ended, SOURCES_TOOL_FAILED when the server cannot read there */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length);
    await this.#request(COMMAND.read, offset, length, target);
    return target;
  }

  /** The stretches from `offset` on, in one context; they may end before `length`, and reach at least a byte. @throws as `read` */
  async blockStatus(context: string, offset: number, length: number): Promise<readonly Extent[]> {
    const extents = (await this.#request(COMMAND.blockStatus, offset, length, undefined)).get(context);
    if (extents !== undefined && extents.some(({ bytes }) => bytes > 0)) return extents;
    throw this.#failed(`it told nothing of ${context} at ${offset}`);
  }

  /** Takes leave. What is under way fails. */
  close(): void {
    clearTimeout(this.#silence);
    if (this.#failure === undefined) this.#send(COMMAND.disconnect, 0n, 0, 0);
    this.#failure ??= { error: this.#unreachable("the connection was closed") };
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #request(
    command: number,
    offset: number,
    length: number,
    target: Uint8Array | undefined,
  ): Promise<Map<string, Extent[]>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      const handle = this.#next++;
      const status = new Map<string, Extent[]>();
      const request: Request = {
        target,
        offset,
        filled: 0,
        status,
        failure: undefined,
        reject,
        resolve: () => resolve(status),
      };
      if (this.#requests.size === 0) this.#silence.refresh();
      this.#requests.set(handle, request);
      this.#send(command, handle, offset, length);
    });
  }

  #send(command: number, handle: bigint, offset: number, length: number): void {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt32BE(REQUEST_MAGIC, 0);
    bytes.writeUInt16BE(command, 6);
    bytes.writeBigUInt64BE(handle, 8);
    bytes.writeBigUInt64BE(BigInt(offset), 16);
    bytes.writeUInt32BE(length, 24);
    this.#socket.write(bytes);
  }

  async #receive(): Promise<void> {
    try {
      for (;;) await this.#reply();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #reply(): Promise<void> {
    const magic = Buffer.from(await this.#inlet.take(4)).readUInt32BE(0);
    if (magic !== STRUCTURED_REPLY_MAGIC) {
      throw new Error(
        magic === SIMPLE_REPLY_MAGIC ? "the NBD server broke off structured replies" : "the NBD server is out of step",
      );
    }
    const head = Buffer.from(await this.#inlet.take(16));
    const [flags, type, handle, length] = [
      head.readUInt16BE(0),
      head.readUInt16BE(2),
      head.readBigUInt64BE(4),
      head.readUInt32BE(12),
    ];
    const request = this.#requests.get(handle);
    if (request === undefined) throw new Error("the NBD server answered what nobody asked");
    if (type === CHUNK.data) await this.#takeData(request, length);
    else await this.#takeChunk(request, type, length);
    this.#silence.refresh();
    if ((flags & CHUNK_DONE) === 0) return;
    this.#requests.delete(handle);
    const { target, filled, failure } = request;
    if (failure !== undefined) request.reject(this.#failed(failure));
    else if (target !== undefined && filled !== target.length)
      request.reject(this.#failed(`it gave ${filled} of ${target.length} bytes`));
    else request.resolve();
  }

  async #takeData(request: Request, length: number): Promise<void> {
    const offset = Number(Buffer.from(await this.#inlet.take(8)).readBigUInt64BE(0));
    await this.#inlet.takeInto(this.#part(request, offset, length - 8));
  }

  async #takeChunk(request: Request, type: number, length: number): Promise<void> {
    if (length > MAX_STATUS_BYTES) throw new Error("the NBD server sends an answer that is too long");
    const data = Buffer.from(await this.#inlet.take(length));
    if (type === CHUNK.hole && length === 12) {
      this.#part(request, Number(data.readBigUInt64BE(0)), data.readUInt32BE(8)).fill(0);
    } else if (type === CHUNK.blockStatus && length >= 4) {
      const context = this.#contexts.get(data.readUInt32BE(0));
      const extents: Extent[] = [];
      for (let at = 4; at + EXTENT_BYTES <= length; at += EXTENT_BYTES) {
        extents.push({ bytes: data.readUInt32BE(at), flags: data.readUInt32BE(at + 4) });
      }
      if (context !== undefined) request.status.set(context, extents);
    } else if ((type & CHUNK.errorBit) !== 0 && length >= 6) {
      const said = data.toString("utf8", 6, 6 + data.readUInt16BE(4));
      request.failure = `error ${data.readUInt32BE(0)} at ${request.offset}${said === "" ? "" : `: ${said}`}`;
    } else if (type !== CHUNK.none) throw new Error(`the NBD server sends chunks of the unknown type ${type}`);
  }

  /** Where bytes of the disk go. @throws Error for bytes that nobody asked for */
  #part(request: Request, offset: number, length: number): Uint8Array {
    const start = offset - request.offset;
    const { target } = request;
    if (target === undefined || length < 0 || start < 0 || start + length > target.length) {
      throw new Error("the NBD server gives bytes that nobody asked for");
    }
    request.filled += length;
    return target.subarray(start, start + length);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error: this.#unreachable(messageOf(error), error) };
    clearTimeout(this.#silence);
    this.#socket.destroy();
    for (const { reject } of this.#requests.values()) reject(this.#failure.error);
    this.#requests.clear();
  }

  #unreachable(reason: string, cause?: unknown): Error {
    return sourcesError(
      "SOURCES_UNREACHABLE",
      { source: this.#source, reason: `its disk cannot be read any more: ${reason}` },
      cause,
    );
  }

  #failed(reason: string): Error {
    return sourcesError("SOURCES_TOOL_FAILED", { tool: "the NBD server", source: this.#source, reason });
  }
}
