/**
 * Reads the JSON of an index file byte by byte into a `BlobBatch`.
 *
 * A blob in the layout that Go writes takes a fast path. Anything else (whitespace, other order of keys, unknown keys)
 * takes the general one, with the same result. As in restic, ids and types are compared as raw text, without JSON
 * escapes.
 */
import { engineError } from "../errors.ts";
import { ID_BYTES, idFromBytes, type Id } from "../format/id.ts";
import { BlobBatch } from "./blob-batch.ts";
import { JsonCursor } from "./json-cursor.ts";

/** A blob's usual length in the file; only for the first guess at the room needed. */
const TYPICAL_BLOB_BYTES = 150;

const CANONICAL_ID = Buffer.from('{"id":"');
const CANONICAL_TYPE = Buffer.from('","type":"');
const CANONICAL_OFFSET = Buffer.from('","offset":');
const CANONICAL_LENGTH = Buffer.from(',"length":');
const CANONICAL_UNCOMPRESSED = Buffer.from(',"uncompressed_length":');
const CLOSING_BRACE = 0x7d;
const QUOTE = 0x22;

const HEX_CHARACTERS = 2 * ID_BYTES;
const NOT_HEX = 0x100;
const HEX = new Uint16Array(256).fill(NOT_HEX);
for (let value = 0; value < 16; value++) {
  HEX[value.toString(16).charCodeAt(0)] = value;
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

export class IndexParser {
  readonly #json: Uint8Array;
  readonly #cursor: JsonCursor;
  readonly #what: string;
  readonly #batch: BlobBatch;
  readonly #supersedes: Id[] = [];
  // Where the fast path stands, and the number it read last.
  #at = 0;
  #number = 0;

  /** @param what names the file in an error */
  constructor(json: Uint8Array, what: string) {
    this.#json = json;
    this.#what = what;
    this.#cursor = new JsonCursor(json, what);
    this.#batch = new BlobBatch(Math.ceil(json.length / TYPICAL_BLOB_BYTES));
  }

  /** Reads the whole file. @throws ENGINE_MALFORMED */
  parse(): { batch: BlobBatch; supersedes: Id[] } {
    const cursor = this.#cursor;
    cursor.readObject((key) => {
      if (key === "packs") cursor.readArray(() => this.#readPack());
      else if (key === "supersedes") cursor.readArray(() => this.#readSuperseded());
      else cursor.skipValue();
    });
    cursor.expectEnd();
    return { batch: this.#batch, supersedes: this.#supersedes };
  }

  #readSuperseded(): void {
    const id = new Uint8Array(ID_BYTES);
    this.#readId(id, 0);
    this.#supersedes.push(idFromBytes(id));
  }

  #readPack(): void {
    const cursor = this.#cursor;
    const batch = this.#batch;
    const idAt = batch.addPack();
    let hasId = false;
    cursor.readObject((key) => {
      if (key === "id") {
        this.#readId(batch.packIds, idAt);
        hasId = true;
      } else if (key === "blobs") cursor.readArray(() => this.#readBlob());
      else cursor.skipValue();
    });
    if (!hasId) throw this.#malformed("a pack has no id");
  }

  #readBlob(): void {
    const start = this.#cursor.at;
    const idAt = this.#batch.addBlob();
    if (this.#readCanonicalBlob(start, idAt)) {
      this.#cursor.at = this.#at;
      return;
    }
    const cursor = this.#cursor;
    let hasId = false;
    let type: string | undefined;
    let offset: number | undefined;
    let length: number | undefined;
    let uncompressed = 0;
    cursor.readObject((key) => {
      if (key === "id") {
        this.#readId(this.#batch.ids, idAt);
        hasId = true;
      } else if (key === "type") type = cursor.readRawString();
      else if (key === "offset") offset = cursor.readUint32();
      else if (key === "length") length = cursor.readUint32();
      else if (key === "uncompressed_length") uncompressed = cursor.readNull() ? 0 : cursor.readUint32();
      else cursor.skipValue();
    });
    if (!hasId || offset === undefined || length === undefined) throw this.#malformed("a blob lacks a field");
    if (type !== "data" && type !== "tree") throw this.#malformed("a blob has an unknown type");
    this.#batch.setBlob(type === "tree", offset, length, uncompressed);
  }

  /** The fast path: false, with nothing but the id's room touched, if the blob is not exactly as Go writes it. */
  #readCanonicalBlob(start: number, idAt: number): boolean {
    this.#at = start;
    if (!this.#follows(CANONICAL_ID) || !this.#decodeId(this.#at, this.#batch.ids, idAt)) return false;
    this.#at += HEX_CHARACTERS;
    if (!this.#follows(CANONICAL_TYPE)) return false;
    const kind = this.#fourBytes();
    if (kind !== DATA_WORD && kind !== TREE_WORD) return false;
    this.#at += 4;
    if (!this.#follows(CANONICAL_OFFSET) || !this.#digits()) return false;
    const offset = this.#number;
    if (!this.#follows(CANONICAL_LENGTH) || !this.#digits()) return false;
    const length = this.#number;
    let uncompressed = 0;
    if (this.#json[this.#at] !== CLOSING_BRACE) {
      if (!this.#follows(CANONICAL_UNCOMPRESSED) || !this.#digits()) return false;
      uncompressed = this.#number;
    }
    if (this.#json[this.#at] !== CLOSING_BRACE) return false;
    this.#at += 1;
    this.#batch.setBlob(kind === TREE_WORD, offset, length, uncompressed);
    return true;
  }

  #follows(text: Uint8Array): boolean {
    const json = this.#json;
    const at = this.#at;
    for (let n = 0; n < text.length; n++) {
      if (json[at + n] !== text[n]) return false;
    }
    this.#at = at + text.length;
    return true;
  }

  #fourBytes(): number {
    const json = this.#json;
    const at = this.#at;
    return (
      ((json[at] as number) << 24) |
      ((json[at + 1] as number) << 16) |
      ((json[at + 2] as number) << 8) |
      (json[at + 3] as number)
    );
  }

  /** Reads a decimal below 2^32 without leading zeros into `#number`. */
  #digits(): boolean {
    const json = this.#json;
    const start = this.#at;
    let at = start;
    let value = 0;
    for (let digit = (json[at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (json[++at] as number) - 0x30) {
      value = value * 10 + digit;
      if (value > 0xffff_ffff) return false;
    }
    if (at === start || (json[start] === 0x30 && at > start + 1)) return false;
    this.#at = at;
    this.#number = value;
    return true;
  }

  #readId(out: Uint8Array, outAt: number): void {
    const cursor = this.#cursor;
    const at = cursor.at;
    const isWhole = this.#json[at] === QUOTE && this.#json[at + HEX_CHARACTERS + 1] === QUOTE;
    if (!isWhole || !this.#decodeId(at + 1, out, outAt)) throw this.#malformed("an id is not 64 hex digits");
    cursor.at = at + HEX_CHARACTERS + 2;
  }

  #decodeId(at: number, out: Uint8Array, outAt: number): boolean {
    const json = this.#json;
    if (at + HEX_CHARACTERS > json.length) return false;
    let seen = 0;
    for (let n = 0; n < ID_BYTES; n++, at += 2) {
      const high = HEX[json[at] as number] as number;
      const low = HEX[json[at + 1] as number] as number;
      seen |= high | low;
      out[outAt + n] = (high << 4) | low;
    }
    return seen < NOT_HEX;
  }

  #malformed(reason: string): Error {
    return engineError("ENGINE_MALFORMED", { what: this.#what, reason: `${reason} (before byte ${this.#cursor.at})` });
  }
}

const DATA_WORD = 0x64617461;
const TREE_WORD = 0x74726565;
