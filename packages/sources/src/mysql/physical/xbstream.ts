/**
 * Watches a stream of mariadb-backup as it goes by: it must be whole, and no path in it may lead out of the folder that it is
 * unpacked into. It is stored and unpacked as it is.
 *
 * A stream is a row of chunks: the mark `XBSTCK01`, a byte of flags, a byte for the type, the length of the path as 32 bits and the
 * path; with type P then the length and the offset of the payload as 64 bits each, 32 bits of CRC, and the payload. Type E ends a file.
 * Numbers are little-endian. Chunks of several files may be mixed.
 */

const MARK = "XBSTCK01";
const FIXED_BYTES = MARK.length + 1 + 1 + 4;
const PAYLOAD_BYTES = 8 + 8 + 4;
const MAX_PATH_BYTES = 4096;
const PAYLOAD = "P";
const END_OF_FILE = "E";

export class XbstreamWatch {
  readonly #files = new Set<string>();
  readonly #open = new Set<string>();
  #header = Buffer.alloc(0);
  /** Bytes of the payload that are still to come. */
  #payload = 0n;

  /** Names of the files that have begun. */
  get files(): ReadonlySet<string> {
    return this.#files;
  }

  /** @throws an Error that says what is wrong */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#payload > 0n) {
        const rest = bytes.length - at;
        const taken = this.#payload < BigInt(rest) ? Number(this.#payload) : rest;
        this.#payload -= BigInt(taken);
        at += taken;
        continue;
      }
      const lacking = this.#lacking();
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + lacking)]);
      at += Math.min(lacking, bytes.length - at);
      if (this.#lacking() === 0) this.#chunk();
    }
  }

  /** @throws an Error unless the stream is whole */
  end(): void {
    const [unfinished] = this.#open;
    if (this.#payload > 0n || this.#header.length > 0) throw new Error("the stream breaks off");
    if (unfinished !== undefined) throw new Error(`the stream ends before its file ${unfinished}`);
    if (this.#files.size === 0) throw new Error("the stream is empty");
  }

  /** How many bytes of the header are still to come, as far as that is known. */
  #lacking(): number {
    const { length } = this.#header;
    if (length < FIXED_BYTES) return FIXED_BYTES - length;
    if (this.#header.toString("latin1", 0, MARK.length) !== MARK) throw new Error("it is no stream of mariadb-backup");
    const type = String.fromCharCode(this.#header[MARK.length + 1] ?? 0);
    if (type !== PAYLOAD && type !== END_OF_FILE) throw new Error(`the stream has chunks of an unknown type '${type}'`);
    const path = this.#header.readUInt32LE(MARK.length + 2);
    if (path === 0 || path > MAX_PATH_BYTES) throw new Error(`a path in the stream has ${path} bytes`);
    return FIXED_BYTES + path + (type === PAYLOAD ? PAYLOAD_BYTES : 0) - length;
  }

  #chunk(): void {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    const end = FIXED_BYTES + header.readUInt32LE(MARK.length + 2);
    const path = header.toString("utf8", FIXED_BYTES, end);
    if (path.startsWith("/") || path.includes("\0") || path.split("/").includes("..")) {
      throw new Error(`a path in the stream leads out of its folder: ${JSON.stringify(path)}`);
    }
    if (header.length === end) {
      this.#open.delete(path);
      return;
    }
    this.#files.add(path);
    this.#open.add(path);
    this.#payload = header.readBigUInt64LE(end);
  }
}

/** The same bytes. @throws what `failed` makes of what is wrong with them, at the latest at their end */
export async function* watched(
  stream: AsyncIterable<Uint8Array>,
  watch: XbstreamWatch,
  failed: (reason: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      throw failed(error);
    }
  };
  for await (const chunk of stream) {
    attempt(() => watch.push(chunk));
    yield chunk;
  }
  attempt(() => watch.end());
}
