/** The members of a tar archive that comes as a stream, as PostgreSQL makes it: files and folders, in the form ustar. */

const BLOCK_BYTES = 512;

export interface TarMember {
  readonly path: string;
  readonly type: "file" | "folder" | "other";
  readonly sizeBytes: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly changedAtS: number;
  /** Of a file. Taken to its end before the next member is asked for; what is not taken is passed over. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Throws what the stream throws, and when it ends in the middle or is none. */
export async function* tarMembers(stream: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const bytes = new ByteReader(stream);
  for (;;) {
    const header = await bytes.take(BLOCK_BYTES);
    if (header === undefined) throw new Error("the archive broke off");
    if (header.every((byte) => byte === 0)) break;
    const member = parseHeader(header);
    let left = member.sizeBytes;
    const content = async function* (): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const piece = await bytes.some(left);
        left -= piece.length;
        yield piece;
      }
    };
    yield { ...member, content: content() };
    while (left > 0) left -= (await bytes.some(left)).length;
    const padding = (BLOCK_BYTES - (member.sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (padding > 0) await bytes.take(padding);
  }
  // To its end: only there does it show that the program did not fail.
  while ((await bytes.rest()) !== undefined);
}

function parseHeader(header: Buffer): Omit<TarMember, "content"> {
  const text = (from: number, length: number): string => {
    const field = header.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.subarray(0, end < 0 ? length : end).toString("utf8");
  };
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (numberIn(header.subarray(148, 156)) !== sum) throw new Error("it is no tar archive");
  const prefix = text(257, 5) === "ustar" ? text(345, 155) : "";
  const flag = text(156, 1);
  return {
    path: `${prefix === "" ? "" : `${prefix}/`}${text(0, 100)}`.replace(/^\.\//, "").replace(/\/$/, ""),
    type: flag === "0" || flag === "" ? "file" : flag === "5" ? "folder" : "other",
    sizeBytes: flag === "0" || flag === "" ? numberIn(header.subarray(124, 136)) : 0,
    mode: numberIn(header.subarray(100, 108)) & 0o7777,
    changedAtS: numberIn(header.subarray(136, 148)),
  };
}

/** In octal digits; or, where these do not suffice, in binary. */
function numberIn(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(field.toString("latin1").replace(/[\0 ]+/g, "") || "0", 8);
  return Number(
    BigInt(`0x${Buffer.concat([Buffer.from([(field[0] ?? 0) & 0x7f]), field.subarray(1)]).toString("hex")}`),
  );
}

/** Takes bytes off a stream. */
class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** What comes next, at most so much. Throws at the end. */
  async some(mostBytes: number): Promise<Uint8Array> {
    const piece = this.#held.length > 0 ? this.#held : await this.rest();
    if (piece === undefined) throw new Error("the archive broke off");
    this.#held = piece.subarray(Math.min(mostBytes, piece.length));
    return piece.subarray(0, Math.min(mostBytes, piece.length));
  }

  /** Exactly so much; `undefined` at the end. */
  async take(length: number): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      if (this.#held.length === 0) {
        const piece = await this.rest();
        if (piece === undefined && parts.length === 0) return undefined;
        this.#held = piece ?? this.#held;
      }
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** All that is held, or the next piece; `undefined` at the end. */
  async rest(): Promise<Uint8Array | undefined> {
    if (this.#held.length > 0) {
      const held = this.#held;
      this.#held = new Uint8Array(0);
      return held;
    }
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return undefined;
      if (next.value.length > 0) return next.value;
    }
  }
}
