/**
 * Clients of restic's REST protocol that cost little themselves, so that on two cores the server is what is measured: one connection
 * each, HTTP/1.1 written by hand, and bodies that differ only in their last bytes, whose hashes are therefore known at once.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { connect as connectTls } from "node:tls";

const SUFFIX_BYTES = 32;
const END_OF_CHUNKS = "0\r\n\r\n";

/** Files of one size, each with another content. */
export class LoadFiles {
  readonly sizeBytes: number;
  /** What all of them begin with. */
  readonly prefix: Buffer;
  readonly #salt: string;
  readonly #hash = createHash("sha256");

  /** @param salt other files for another one */
  constructor(sizeBytes: number, salt: string) {
    this.sizeBytes = sizeBytes;
    this.#salt = salt;
    this.prefix = Buffer.alloc(sizeBytes - SUFFIX_BYTES);
    for (let i = 0, x = 1; i + 4 <= this.prefix.length; i += 4) {
      x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
      this.prefix.writeUInt32LE(x, i);
    }
    this.#hash.update(this.prefix);
  }

  file(index: number): { readonly name: string; readonly suffix: Buffer } {
    const suffix = Buffer.alloc(SUFFIX_BYTES);
    suffix.write(`${this.#salt} ${index}`);
    return { name: this.#hash.copy().update(suffix).digest("hex"), suffix };
  }
}

/** One client on one connection, with one request at a time. */
export class LoadClient {
  readonly #socket: Socket;
  readonly #isSecure: boolean;
  #head = "";
  /** Bytes of the body that are still to come; `undefined` while the head is read. */
  #left: number | undefined;
  #isChunked = false;
  #tail = "";
  #bodyBytes = 0;
  #settle: { resolve: (bytes: number) => void; reject: (error: Error) => void } | undefined;

  private constructor(port: number, authority: string | undefined) {
    const callback = (count: number, bytes: Uint8Array): boolean => {
      this.#take(Buffer.from(bytes.buffer, bytes.byteOffset, count));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(256 * 1024), callback };
    const options = { port, host: "127.0.0.1", onread };
    this.#socket = authority === undefined ? connect(options) : connectTls({ ...options, ca: authority });
    this.#isSecure = authority !== undefined;
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (error) => this.#settle?.reject(error));
    this.#socket.on("close", () => this.#settle?.reject(new Error("the server has closed the connection")));
  }

  /** @param authority over TLS, with a server whose certificate this one (PEM) has signed */
  static async open(port: number, authority?: string): Promise<LoadClient> {
    const client = new LoadClient(port, authority);
    await once(client.#socket, client.#isSecure ? "secureConnect" : "connect");
    return client;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Returns how many bytes the body of the answer had. Rejects unless the answer is 200. */
  ask(method: string, path: string, headers = "", body: readonly Uint8Array[] = []): Promise<number> {
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const lengthLine = method === "POST" ? `Content-Length: ${length}\r\n` : "";
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.cork();
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}${lengthLine}\r\n`);
      for (const part of body) this.#socket.write(part);
      this.#socket.uncork();
    });
  }

  #take(bytes: Buffer): void {
    if (this.#left === undefined) {
      this.#head += bytes.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end >= 0) this.#startBody(this.#head.slice(0, end), this.#head.slice(end + 4));
    } else this.#takeBody(bytes.length, bytes.subarray(-END_OF_CHUNKS.length).toString("latin1"));
  }

  #startBody(head: string, rest: string): void {
    if (!head.startsWith("HTTP/1.1 200")) return this.#settle?.reject(new Error(`${head}\n${rest}`));
    this.#isChunked = /transfer-encoding: chunked/i.test(head);
    this.#left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    this.#bodyBytes = 0;
    this.#tail = "";
    this.#takeBody(rest.length, rest.slice(-END_OF_CHUNKS.length));
  }

  #takeBody(count: number, tail: string): void {
    this.#bodyBytes += count;
    this.#left = (this.#left ?? 0) - count;
    this.#tail = (this.#tail + tail).slice(-END_OF_CHUNKS.length);
    if (this.#isChunked ? this.#tail !== END_OF_CHUNKS : this.#left > 0) return;
    this.#left = undefined;
    this.#head = "";
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(this.#bodyBytes);
  }
}
