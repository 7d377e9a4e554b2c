/**
 * Takes a stream of mariadb-backup apart into its files. It must be whole, and no path in it may lead out of a folder.
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

/** Bytes of a file, in their order, or its end. */
export type XbstreamPart =
  | { readonly kind: "bytes"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly path: string };

export class XbstreamParser {
  /** How much of each open file has come. */
  readonly #open = new Map<string, bigint>();
  #files = 0;
  #path = "";
  #header = Buffer.alloc(0);
  /** Bytes of the payload that are still to come. */
  #payload = 0n;

  /** @throws an Error that says what is wrong */
  push(bytes: Uint8Array): XbstreamPart[] {
    const parts: XbstreamPart[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#payload > 0n) {
        const rest = bytes.length - at;
        const taken = this.#payload < BigInt(rest) ? Number(this.#payload) : rest;
        this.#payload -= BigInt(taken);
        parts.push({ kind: "bytes", path: this.#path, bytes: bytes.subarray(at, at + taken) });
        at += taken;
        continue;
      }
      const lacking = this.#lacking();
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + lacking)]);
      at += Math.min(lacking, bytes.length - at);
      if (this.#lacking() === 0) parts.push(...this.#chunk());
    }
    return parts;
  }

  /** @throws an Error unless the stream is whole */
  end(): void {
    const [unfinished] = this.#open.keys();
    if (this.#payload > 0n || this.#header.length > 0) throw new Error("the stream breaks off");
    if (unfinished !== undefined) throw new Error(`the stream ends before its file ${unfinished}`);
    if (this.#files === 0) throw new Error("the stream is empty");
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

  #chunk(): XbstreamPart[] {
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    const end = FIXED_BYTES + header.readUInt32LE(MARK.length + 2);
    const path = header.toString("utf8", FIXED_BYTES, end);
    if (path.startsWith("/") || path.includes("\0") || path.split("/").some((name) => ["", ".", ".."].includes(name))) {
      throw new Error(`a path in the stream leads out of its folder: ${JSON.stringify(path)}`);
    }
    const known = this.#open.get(path);
    if (known === undefined) this.#files++;
    if (header.length === end) {
      this.#open.delete(path);
      return [{ kind: "end", path }];
    }
    const offset = header.readBigUInt64LE(end + 8);
    if (offset !== (known ?? 0n)) throw new Error(`a piece of ${path} is not where it should be: ${offset}`);
    this.#payload = header.readBigUInt64LE(end);
    this.#path = path;
    this.#open.set(path, offset + this.#payload);
    return [];
  }
}
